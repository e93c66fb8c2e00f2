package kern

import (
	"fmt"
	"os"
)

// level is an instruction set the kernels are written in.
type level int

const (
	generic level = iota
	neon
	avx2
	avx512
	avx512bf16 // and sums of products of bfloat16 pairs
	amx        // and tiles of them
)

var levelNames = [...]string{"generic", "neon", "avx2", "avx512", "avx512bf16", "amx"}

// blocking is what the drivers of float32 products must know of a level.
type blocking struct {
	mr, nr int // rows and columns of the largest tile; B panels are nr wide
	mc, kc int // rows of A and depth of a block that stays in L2
	few    int // columns of C that do not pay for a copy of A's rows; 0: one always pays
	own    int // floats of A that stay in L2 beside the panels of a task
	images int // floats of images that a convolution's gradient by w has in L2
	// floats of them that the tiles of one row of the kernel read again and again: in L1, if one image is so small. 0:
	// no matter
	inner int
	block int // side of the square the transpose kernel turns
}

// Processors with avx512 have 1 to 2 MiB of L2 to a core, those without mostly 256 or 512 KiB, and sets of only eight
// lines in L1.
var blockings = [...]blocking{
	generic: {mr: 4, nr: 8, mc: 64, kc: 256, own: 1 << 16, images: 48 << 10, block: 1},
	neon:    {mr: 8, nr: 8, mc: 96, kc: 256, own: 1 << 16, images: 96 << 10, block: 4},
	avx2:    {mr: 6, nr: 16, mc: 72, kc: 288, few: 256, own: 1 << 16, images: 48 << 10, inner: 6 << 10, block: 8},
	avx512:  {mr: 14, nr: 32, mc: 168, kc: 512, own: 1 << 18, images: 224 << 10, block: 16},
}

// chosen is the level in use, active that of float32 kernels, which stop at avx512.
var (
	chosen, errLevel = pickLevel(detect(), os.Getenv("SELFSUP_CPU"))
	active           = min(chosen, avx512)
)

// pickLevel is the level asked for by name, or best when that is empty, unknown or more than the machine has; the last
// two are errors too.
func pickLevel(best level, name string) (level, error) {
	if name == "" {
		return best, nil
	}
	var have []string
	for i, s := range levelNames {
		if l := level(i); l.within(best) {
			if s == name {
				return l, nil
			}
			have = append(have, s)
		}
	}
	return best, fmt.Errorf("kern: SELFSUP_CPU is %q, this machine can use %v", name, have)
}

// within says whether a machine whose best level is best has level l: neon and the others but generic are of different
// architectures.
func (l level) within(best level) bool {
	return l == generic || l <= best && (l == neon) == (best == neon)
}

// CheckLevel says whether SELFSUP_CPU asks for what this machine cannot do; the best level is then in use.
func CheckLevel() error { return errLevel }

// Level names the instruction set in use: generic, neon (arm64), avx2, avx512, avx512bf16 or amx (amd64). Float32
// kernels are the same from avx512 on.
func Level() string { return levelNames[chosen] }

func dims() *blocking { return &blockings[active] }

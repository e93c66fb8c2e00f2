package datasets

import (
	"hash/crc32"
	"strings"
)

// What a run needs to know of its data to recognise them again.

// Located is a source that knows which of its settings say where the data are.
type Located interface {
	// PathKeys lists these settings, as in the recipe's table.
	PathKeys() []string
}

// Roots are the paths of settings that say where data are, as names of samples begin with them; empty ones are left
// out.
func (e Env) Roots(paths ...string) (roots []string) {
	for _, p := range paths {
		if p != "" {
			roots = append(roots, e.Path(p))
		}
	}
	return roots
}

// Summed is a set that can tell a sample that was changed.
type Summed interface {
	// Sum is the checksum of sample i, of its bytes as the source holds them.
	Sum(i int) (uint32, error)
}

// Castagnoli is the table of the checksums of samples.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Relative is the name of a sample without the root that it begins with: the same wherever the data lie.
func (d *Data) Relative(name string) string {
	cut := 0
	for _, r := range d.Roots {
		if len(r) > cut && strings.HasPrefix(name, r) {
			cut = len(r)
		}
	}
	return strings.TrimLeft(name[cut:], `/\`)
}

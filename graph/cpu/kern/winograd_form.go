package kern

import "math"

// winogradForm is one of Winograd's algorithms for a 3x3 convolution or its gradients: patches of the source and the
// weights are taken to side x side points and multiplied there, and the products are taken to patches of the result.
//
// A convolution of stride 2 falls into four, by even and odd rows and columns of the padded image: of 2x2, 2x1, 1x2 and
// 1x1 taps, each of stride 1. These are the parts of its source (or, of the gradient by x, of its result), every second
// pixel of a patch. At the last row or column of points, infinity, parts of odd rows or columns are missing: 16*4 + 8*2
// + 1 = 81 products for 4x4 outputs, where the taps are 144.
type winogradForm struct {
	side   int
	in     winogradSide
	out    winogradSide
	taps   []winogradPart      // the weights of each part: a transform and the first tap
	step   int                 // between a part's taps
	dy     winogradSide        // of the gradient by w: the patches of dy
	finish []winogradTransform // of the gradient by w: points to the gradient by each part's taps
}

// winogradSide is how images are cut: size x size pixels a patch, in parts whose pixels lie step apart. Patches begin
// 4*step pixels apart.
type winogradSide struct {
	size, step int
	parts      []winogradPart
}

// columns is how many n patches side by side cover.
func (s *winogradSide) columns(n int) int { return 4*s.step*(n-1) + s.size }

// winogradPart is a transform and the first row and column it reads or writes.
type winogradPart struct {
	transform winogradTransform
	i, j      int
}

// wholePart is the only part of something.
func wholePart(k winogradTransform) []winogradPart { return []winogradPart{{k, 0, 0}} }

// fourParts are those with even and odd rows and columns, which begin at even and odd.
func fourParts(first winogradTransform, even, odd int) []winogradPart {
	return []winogradPart{{first, even, even}, {first + 1, even, odd}, {first + 2, odd, even}, {first + 3, odd, odd}}
}

// The forms of convolutions, then those of their gradients by x, by stride - 1. The gradient's taps count backwards.
var winogradForms = [2][2]winogradForm{
	{
		{
			side: 6,
			in:   winogradSide{6, 1, wholePart(winogradInput)},
			out:  winogradSide{4, 1, wholePart(winogradOutput)},
			taps: wholePart(winogradFilter), step: 1,
			dy:     winogradSide{4, 1, wholePart(winogradGradient)},
			finish: []winogradTransform{winogradWeights},
		},
		{
			side: 5,
			in:   winogradSide{9, 2, fourParts(stridedInputEE, 0, 1)},
			out:  winogradSide{4, 1, wholePart(stridedOutputEE)},
			taps: fourParts(stridedFilterEE, 0, 1), step: 2,
			dy:     winogradSide{4, 1, wholePart(stridedGradient)},
			finish: []winogradTransform{stridedWeightsEE, stridedWeightsEO, stridedWeightsOE, stridedWeightsOO},
		},
	},
	{
		{
			side: 6,
			in:   winogradSide{6, 1, wholePart(winogradInput)},
			out:  winogradSide{4, 1, wholePart(winogradOutput)},
			taps: []winogradPart{{winogradFilter, 2, 2}}, step: -1,
		},
		{
			side: 5,
			in:   winogradSide{5, 1, wholePart(stridedInputEE)},
			out:  winogradSide{8, 2, fourParts(stridedOutputEE, 1, 0)},
			taps: fourParts(stridedFilterEE, 2, 1), step: -2,
		},
	},
}

// winogradFormOf is the form of a convolution, or of its gradient by x.
func winogradFormOf(c *Conv, backward bool) *winogradForm {
	if backward {
		return &winogradForms[1][c.SH-1]
	}
	return &winogradForms[0][c.SH-1]
}

// points is how many there are.
func (f *winogradForm) points() int { return f.side * f.side }

// has says whether a part has a point.
func (f *winogradForm) has(part, point int) bool {
	_, _, rows, columns := f.taps[part].transform.size()
	return point/f.side < rows && point%f.side < columns
}

// infinite is 1 for points of the last column, 2 for those of the last row, 3 for the last point of all, 0 for the
// others.
func (f *winogradForm) infinite(point int) (k int) {
	if point/f.side == f.side-1 {
		k = 2
	}
	if point%f.side == f.side-1 {
		k++
	}
	return k
}

// winogradOK says whether there is a form of the convolution in all three directions.
func (c *Conv) winogradOK() bool {
	if c.KH != 3 || c.KW != 3 || c.DH != 1 || c.DW != 1 || c.Groups != 1 || c.Ci%winogradLanes != 0 ||
		c.Co%winogradLanes != 0 {
		return false
	}
	return c.SH == 1 && c.SW == 1 && c.PH <= 2 && c.PW <= 2 || c.SH == 2 && c.SW == 2 && c.PH == 1 && c.PW == 1
}

// winogradPays says whether it is faster than direct: patches mostly full, and enough of them to pay for transforming
// the weights.
func (c *Conv) winogradPays() bool {
	tiles := ceil(c.OH, 4) * ceil(c.OW, 4)
	if c.SH == 2 {
		return winogradDims().strided && 9*c.OH*c.OW*2 >= 3*81*tiles && c.B*tiles >= 128 && min(c.Ci, c.Co) >= 32
	}
	return 9*c.OH*c.OW >= 2*36*tiles && c.B*tiles >= 32
}

// winogradBlocks is how Winograd's algorithm is cut on a level.
type winogradBlocks struct {
	group   int // tiles of a task that goes through all stages, at least, rounded up to whole micro-kernels
	most    int // and at most, while their points are no more than so many floats
	floats  int
	panels  int  // panels of their products kept at a time
	tiles   int  // tiles of a chunk, where stages go one after the other
	rows    int  // of dU that a task sums then
	weights int  // floats of dU from which they do so in gradients by w
	strided bool // pays for convolutions of stride 2, as far as measured
}

// Where L2 is small, V of a few tiles is read once a point, and gradients by w go through L3.
var (
	winogradTall  = winogradBlocks{group: 56, panels: 1, tiles: winogradMost, rows: 64, weights: winogradWide}
	winogradShort = winogradBlocks{group: 24, most: 72, floats: 200 << 10, panels: math.MaxInt, tiles: 96, rows: 32,
		strided: true}
)

const (
	// floats of U above which stages take as many tiles as there may be, so that U is read less often; gradients by w,
	// which add to U, from a fourth of it. bench/conv.sh measures both sides
	winogradShared = 4 << 20
	winogradWide   = 36 * 256 * 256 // floats of U from which stages go one after the other
	winogradMost   = 256            // tiles of a chunk whose U is so large that reading it counts
)

// winogradDims are the blocks of the level in use.
func winogradDims() *winogradBlocks {
	if active == avx2 {
		return &winogradShort
	}
	return &winogradTall
}

// groupOf is how many of so many tiles a task has, each of n floats.
func (b *winogradBlocks) groupOf(tiles, n int) int {
	return max(b.group, min(b.most, b.floats/n, tiles/8))
}

// chunk is how many tiles a chunk has for U of n floats, which is large beyond most.
func (b *winogradBlocks) chunk(n, most int) int {
	if n > most {
		return winogradMost
	}
	return b.tiles
}

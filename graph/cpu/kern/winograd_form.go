package kern

import "math"

// winogradForm is one of Winograd's algorithms for a 3x3 convolution or a gradient of it: patches of the source, of all patches of the result,
// and of the weights are taken to side x side points, where they are multiplied.
//
// A convolution of stride 2 falls into four, by even and odd rows and columns of the padded image: of 2x2, 2x1, 1x2 and 1x1 taps, each of
// stride 1. These are the parts of its source (or, of the gradient by x, of its result), every second pixel of a patch. At the last row or
// column of points, infinity, parts of odd rows or columns are missing: 16*4 + 8*2 + 1 = 81 products for 4x4 outputs, where the taps are 144.
type winogradForm struct {
	side   int
	in     winogradSide
	out    winogradSide
	taps   []winogradPart      // of the weights, for each part of in or out
	step   int                 // between a part's taps
	dy     winogradSide        // of the gradient by w: the patches of dy
	finish []winogradTransform // for every part of the source, points to the gradient by its taps
}

// winogradSide is how images are cut: size x size pixels a patch, in parts whose pixels lie step apart. Patches begin 4*step pixels apart.
type winogradSide struct {
	size, step int
	parts      []winogradPart
}

// winogradPart is a transform and the first row and column it reads or writes.
type winogradPart struct {
	transform winogradTransform
	i, j      int
}

// one is the only part of something.
func one(k winogradTransform) []winogradPart { return []winogradPart{{k, 0, 0}} }

// four are the parts with even and odd rows and columns, which begin at even and odd.
func four(first winogradTransform, even, odd int) []winogradPart {
	return []winogradPart{{first, even, even}, {first + 1, even, odd}, {first + 2, odd, even}, {first + 3, odd, odd}}
}

// The forms of convolutions, then those of their gradients by x, by stride - 1. The gradient's taps count backwards.
var winogradForms = [2][2]winogradForm{
	{
		{
			side: 6, in: winogradSide{6, 1, one(winogradInput)}, out: winogradSide{4, 1, one(winogradOutput)}, taps: one(winogradFilter), step: 1,
			dy: winogradSide{4, 1, one(winogradGradient)}, finish: []winogradTransform{winogradWeights},
		},
		{
			side: 5, in: winogradSide{9, 2, four(stridedInputEE, 0, 1)}, out: winogradSide{4, 1, one(stridedOutputEE)}, taps: four(stridedFilterEE, 0, 1), step: 2,
			dy:     winogradSide{4, 1, one(stridedGradient)},
			finish: []winogradTransform{stridedWeightsEE, stridedWeightsEO, stridedWeightsOE, stridedWeightsOO},
		},
	},
	{
		{
			side: 6, in: winogradSide{6, 1, one(winogradInput)}, out: winogradSide{4, 1, one(winogradOutput)}, taps: []winogradPart{{winogradFilter, 2, 2}}, step: -1,
		},
		{
			side: 5, in: winogradSide{5, 1, one(stridedInputEE)}, out: winogradSide{8, 2, four(stridedOutputEE, 1, 0)}, taps: four(stridedFilterEE, 2, 1), step: -2,
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

// winogradTiles cuts images of H x W results into patches, counted through the batch, and moves patches in and out of the transforms.
type winogradTiles struct {
	form    *winogradForm
	b, h, w int // results
	th, tw  int // tiles down and across
	ph, pw  int // pad: the first patch of the source begins at row -ph, column -pw
	ih, iw  int // source
	ci, co  int
}

// cut sets th and tw.
func (s *winogradTiles) cut() {
	s.th, s.tw = ceil(s.h, s.form.out.size), ceil(s.w, s.form.out.size)
}

// count is the number of tiles of the batch.
func (s *winogradTiles) count() int { return s.b * s.th * s.tw }

// at is the image, row and column of tile t.
func (s *winogradTiles) at(t int) (b, i, j int) {
	return t / (s.th * s.tw), t / s.tw % s.th, t % s.tw
}

// inputFloats is the width of a tile at a point: the parts of the source one behind the other.
func (s *winogradTiles) inputFloats() int { return len(s.form.in.parts) * s.ci }

// patchFloats is the scratch that moving tiles wants: a patch at an edge, or a strip of tiles behind a prologue.
func (s *winogradTiles) patchFloats(p *Prologue) int {
	f := s.form
	n := max(f.in.size*f.in.size*s.ci, f.out.size*f.out.size*s.co)
	if p.on() {
		n = max(n, f.in.size*f.in.run(min(s.tw, winogradRun))*s.ci)
	}
	return n
}

// run is how many columns n patches side by side cover.
func (s *winogradSide) run(n int) int { return 4*s.step*(n-1) + s.size }

// points transforms the patch of image src [h,w,c] at (i,j) to dst; pixels outside the image are zero.
func (s *winogradSide) points(dst []float32, side, point int, src []float32, h, w, c, i, j int, patch []float32) {
	if i >= 0 && j >= 0 && i+s.size <= h && j+s.size <= w {
		s.apply(dst, side, point, src, (i*w+j)*c, w*c, c)
		return
	}
	patch = patch[:s.size*s.size*c]
	j0, j1 := max(j, 0), max(min(j+s.size, w), max(j, 0))
	for r := range s.size {
		row := patch[r*s.size*c : (r+1)*s.size*c]
		if !within(i+r, h) {
			clear(row)
			continue
		}
		clear(row[:min(j0-j, s.size)*c])
		if j1 > j0 {
			copy(row[(j0-j)*c:(j1-j)*c], src[((i+r)*w+j0)*c:])
		}
		clear(row[min(j1-j, s.size)*c:])
	}
	s.apply(dst, side, point, patch, 0, s.size*c, c)
}

// apply transforms the patch at at, part by part.
func (s *winogradSide) apply(dst []float32, side, point int, src []float32, at, row, c int) {
	for p, part := range s.parts {
		part.transform.apply(dst[p*c:], side*point, point, src, at+part.i*row+part.j*c, s.step*row, s.step*c, c)
	}
}

// pixels transforms points to one part of the patch at (i,j) of image dst [h,w,c], channels c0 to c0+n; pixels outside the image are dropped.
func (s *winogradSide) pixels(part int, dst []float32, h, w, c, i, j, c0, n int, src []float32, side, point int, patch []float32) {
	p := s.parts[part]
	i, j = i+p.i, j+p.j
	if reach := 3 * s.step; i+reach < h && j+reach < w {
		p.transform.apply(dst[(i*w+j)*c+c0:], s.step*w*c, s.step*c, src, 0, side*point, point, n)
		return
	}
	p.transform.apply(patch, 4*n, n, src, 0, side*point, point, n)
	for r := 0; r < 4 && i+r*s.step < h; r++ {
		for q := 0; q < 4 && j+q*s.step < w; q++ {
			copy(dst[((i+r*s.step)*w+j+q*s.step)*c+c0:][:n], patch[(4*r+q)*n:])
		}
	}
}

// pointStride is the distance between two points of n floats each: never a multiple of 4 KiB, which would make the points share cache sets.
func pointStride(n int) int { return roundUp(n, 1024) + 48 }

// winogradOK says whether there is a form of the convolution in all three directions.
func (c *Conv) winogradOK() bool {
	if c.KH != 3 || c.KW != 3 || c.DH != 1 || c.DW != 1 || c.Groups != 1 || c.Ci%winogradLanes != 0 || c.Co%winogradLanes != 0 {
		return false
	}
	return c.SH == 1 && c.SW == 1 && c.PH <= 2 && c.PW <= 2 || c.SH == 2 && c.SW == 2 && c.PH == 1 && c.PW == 1
}

// winogradPays says whether it is faster than direct: patches mostly full, and enough of them to pay for transforming the weights.
func (c *Conv) winogradPays() bool {
	tiles := ceil(c.OH, 4) * ceil(c.OW, 4)
	if c.SH == 2 {
		return winogradDims().strided && 9*c.OH*c.OW*2 >= 3*81*tiles && c.B*tiles >= 128
	}
	return 9*c.OH*c.OW >= 2*36*tiles && c.B*tiles >= 32
}

// winogradBlocks is how Winograd's algorithm is cut on a level.
type winogradBlocks struct {
	group   int  // tiles of a task that goes through all stages, rounded up to whole micro-kernels
	panels  int  // panels of their products kept at a time
	tiles   int  // tiles of a chunk, where stages go one after the other
	weights int  // floats of dU from which they do so in gradients by w
	strided bool // pays for convolutions of stride 2
}

// Where L2 is small, V of a few tiles is read once a point, and gradients by w go through L3.
var (
	winogradTall  = winogradBlocks{group: 56, panels: 1, tiles: winogradMost, weights: winogradWide}
	winogradShort = winogradBlocks{group: 24, panels: math.MaxInt, tiles: 96, strided: true}
)

const (
	winogradWide = 36 * 256 * 256 // floats of U from which stages go one after the other
	winogradMost = 256            // tiles of a chunk whose U is so large that reading it counts
)

// winogradDims are the blocks of the level in use.
func winogradDims() *winogradBlocks {
	if active == avx2 {
		return &winogradShort
	}
	return &winogradTall
}

// chunk is how many tiles a chunk has for U of n floats, which is large beyond most.
func (b *winogradBlocks) chunk(n, most int) int {
	if n > most {
		return winogradMost
	}
	return b.tiles
}

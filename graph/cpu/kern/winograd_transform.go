package kern

// winogradTransform is a pair of the small matrices of Winograd's algorithms, applied to both sides of a rectangle of
// channel vectors: dst = D src R'.
type winogradTransform int

// The transforms of F(4x4,3x3), and those of strided convolutions in four parts: even (E) or odd (O) rows of a patch,
// then columns.
const (
	winogradInput    winogradTransform = iota // 6x6 patch of x to 36 points
	winogradOutput                            // 36 points to a 4x4 patch of y
	winogradGradient                          // 4x4 patch of dy to 36 points, the adjoint of winogradOutput
	winogradFilter                            // 3x3 weights to 36 points
	winogradWeights                           // 36 points to the 3x3 gradient, the adjoint of winogradFilter

	stridedInputEE // 5x5, 5x4, 4x5 or 4x4 pixels to as many points
	stridedInputEO
	stridedInputOE
	stridedInputOO
	stridedOutputEE // as many points to 4x4 pixels
	stridedOutputEO
	stridedOutputOE
	stridedOutputOO
	stridedGradient // 4x4 patch of dy to 25 points, the adjoint of stridedOutputEE
	stridedFilterEE // 2x2, 2x1, 1x2 or 1x1 weights to as many points as the part has
	stridedFilterEO
	stridedFilterOE
	stridedFilterOO
	stridedWeightsEE // points to the gradient by these weights, the adjoint of stridedFilter
	stridedWeightsEO
	stridedWeightsOE
	stridedWeightsOO

	winogradTransforms // how many there are
)

type matrix [][]float32

// The matrices for the points 0, 1, -1, 2, -2 and infinity: Lavin and Gray 2015, arXiv:1509.09308, section 4.2.
var (
	denseInput = matrix{
		{4, 0, -5, 0, 1, 0},
		{0, -4, -4, 1, 1, 0},
		{0, 4, -4, -1, 1, 0},
		{0, -2, -1, 2, 1, 0},
		{0, 2, -1, -2, 1, 0},
		{0, 4, 0, -5, 0, 1},
	}
	denseOutput = matrix{
		{1, 1, 1, 1, 1, 0},
		{0, 1, -1, 2, -2, 0},
		{0, 1, 1, 4, 4, 0},
		{0, 1, -1, 8, -8, 1},
	}
	denseFilter = matrix{
		{1. / 4, 0, 0},
		{-1. / 6, -1. / 6, -1. / 6},
		{-1. / 6, 1. / 6, -1. / 6},
		{1. / 24, 1. / 12, 1. / 6},
		{1. / 24, -1. / 12, 1. / 6},
		{0, 0, 1},
	}
)

// The matrices for the points 0, 1, -1, 2 and infinity, made in the same way: 4 sums of 2 taps from 5 products. A
// kernel of one tap is one of two taps whose second is 0: nothing is left of it at infinity.
var (
	evenInput = matrix{
		{2, -1, -2, 1, 0},
		{0, -2, -1, 1, 0},
		{0, 2, -3, 1, 0},
		{0, -1, 0, 1, 0},
		{0, 2, -1, -2, 1},
	}
	evenOutput = matrix{
		{1, 1, 1, 1, 0},
		{0, 1, -1, 2, 0},
		{0, 1, 1, 4, 0},
		{0, 1, -1, 8, 1},
	}
	evenFilter = matrix{
		{1. / 2, 0},
		{-1. / 2, -1. / 2},
		{-1. / 6, 1. / 6},
		{1. / 6, 1. / 3},
		{0, 1},
	}
	oddInput  = evenInput.corner(4, 4)
	oddOutput = evenOutput.corner(4, 4)
	oddFilter = evenFilter.corner(4, 1)
)

// corner is the first rows and columns.
func (m matrix) corner(rows, columns int) matrix {
	c := make(matrix, rows)
	for i := range c {
		c[i] = m[i][:columns]
	}
	return c
}

// turned is the transpose.
func (m matrix) turned() matrix {
	t := make(matrix, len(m[0]))
	for j := range t {
		for i := range m {
			t[j] = append(t[j], m[i][j])
		}
	}
	return t
}

// winogradMatrices are D and R of every transform.
var winogradMatrices = func() (all [winogradTransforms][2]matrix) {
	all[winogradInput] = [2]matrix{denseInput, denseInput}
	all[winogradOutput] = [2]matrix{denseOutput, denseOutput}
	all[winogradGradient] = [2]matrix{denseOutput.turned(), denseOutput.turned()}
	all[winogradFilter] = [2]matrix{denseFilter, denseFilter}
	all[winogradWeights] = [2]matrix{denseFilter.turned(), denseFilter.turned()}
	parts := func(first winogradTransform, even, odd matrix) {
		for i, down := range []matrix{even, odd} {
			for j, right := range []matrix{even, odd} {
				all[first+winogradTransform(2*i+j)] = [2]matrix{down, right}
			}
		}
	}
	parts(stridedInputEE, evenInput, oddInput)
	parts(stridedOutputEE, evenOutput, oddOutput)
	all[stridedGradient] = [2]matrix{evenOutput.turned(), evenOutput.turned()}
	parts(stridedFilterEE, evenFilter, oddFilter)
	parts(stridedWeightsEE, evenFilter.turned(), oddFilter.turned())
	return all
}()

// size is the rows and columns of the source and of the result.
func (k winogradTransform) size() (srcRows, srcColumns, rows, columns int) {
	d, r := winogradMatrices[k][0], winogradMatrices[k][1]
	return len(d[0]), len(r[0]), len(d), len(r)
}

// winogradLanes divides every channel count a transform is asked for.
const winogradLanes = 16

// winogradStrides are the distances between rows, columns and the rectangles that are transformed in one call.
type winogradStrides struct{ row, column, next int }

// at is where element (i,j) of rectangle k lies.
func (s *winogradStrides) at(i, j, k int) int { return i*s.row + j*s.column + k*s.next }

// apply transforms n channels, a multiple of winogradLanes, of count rectangles, the first of them at at. Source
// strides may be negative.
func (k winogradTransform) apply(dst []float32, to winogradStrides, src []float32, at int, from winogradStrides, n,
	count int) {
	srcRows, srcColumns, rows, columns := k.size()
	// The farthest elements are checked here; the assembly trusts them.
	_ = dst[to.at(rows-1, columns-1, count-1)+n-1]
	down, right := (srcRows-1)*from.row, (srcColumns-1)*from.column
	_, _ = src[at+max(0, down)+max(0, right)+(count-1)*from.next+n-1], src[at+min(0, down)+min(0, right)]
	if active <= neon {
		for i := range count {
			k.generic(dst[i*to.next:], to, src, at+i*from.next, from, n)
		}
		return
	}
	k.assembly(&dst[0], to, &src[at], from, n, count)
}

// generic is the definition: R along the rows, then D down the columns, channel by channel.
func (k winogradTransform) generic(dst []float32, to winogradStrides, src []float32, at int, from winogradStrides,
	n int) {
	down, right := winogradMatrices[k][0], winogradMatrices[k][1]
	for c := range n {
		var half [6][6]float32 // src R'
		for i := range down[0] {
			for j, row := range right {
				for l, v := range row {
					if v != 0 {
						half[i][j] += v * src[at+from.at(i, l, 0)+c]
					}
				}
			}
		}
		for i, row := range down {
			for j := range right {
				var s float32
				for l, v := range row {
					if v != 0 {
						s += v * half[l][j]
					}
				}
				dst[to.at(i, j, 0)+c] = s
			}
		}
	}
}

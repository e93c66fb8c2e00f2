package kern

// winogradTransform is one of the small matrices of F(4x4,3x3), applied to both sides of a square of channel vectors: dst = T src T'.
type winogradTransform int

const (
	winogradInput    winogradTransform = iota // 6x6 patch of x to 36 points
	winogradOutput                            // 36 points to a 4x4 patch of y
	winogradGradient                          // 4x4 patch of dy to 36 points, the adjoint of winogradOutput
	winogradFilter                            // 3x3 weights to 36 points
	winogradWeights                           // 36 points to the 3x3 gradient, the adjoint of winogradFilter
)

// winogradMatrices are the transforms for the points 0, 1, -1, 2, -2 and infinity: Lavin and Gray 2015, arXiv:1509.09308, section 4.2.
var winogradMatrices = [...][][]float32{
	winogradInput: {
		{4, 0, -5, 0, 1, 0},
		{0, -4, -4, 1, 1, 0},
		{0, 4, -4, -1, 1, 0},
		{0, -2, -1, 2, 1, 0},
		{0, 2, -1, -2, 1, 0},
		{0, 4, 0, -5, 0, 1},
	},
	winogradOutput: {
		{1, 1, 1, 1, 1, 0},
		{0, 1, -1, 2, -2, 0},
		{0, 1, 1, 4, 4, 0},
		{0, 1, -1, 8, -8, 1},
	},
	winogradGradient: {
		{1, 0, 0, 0},
		{1, 1, 1, 1},
		{1, -1, 1, -1},
		{1, 2, 4, 8},
		{1, -2, 4, -8},
		{0, 0, 0, 1},
	},
	winogradFilter: {
		{1. / 4, 0, 0},
		{-1. / 6, -1. / 6, -1. / 6},
		{-1. / 6, 1. / 6, -1. / 6},
		{1. / 24, 1. / 12, 1. / 6},
		{1. / 24, -1. / 12, 1. / 6},
		{0, 0, 1},
	},
	winogradWeights: {
		{1. / 4, -1. / 6, -1. / 6, 1. / 24, 1. / 24, 0},
		{0, -1. / 6, 1. / 6, 1. / 12, -1. / 12, 0},
		{0, -1. / 6, -1. / 6, 1. / 6, 1. / 6, 1},
	},
}

// winogradLanes divides every channel count a transform is asked for.
const winogradLanes = 16

// apply transforms n channels, a multiple of winogradLanes. Element (i,j) lies at at + i*row + j*col; source strides may be negative.
func (k winogradTransform) apply(dst []float32, drow, dcol int, src []float32, at, srow, scol, n int) {
	out, in := len(winogradMatrices[k]), len(winogradMatrices[k][0])
	// The farthest elements are checked here; the assembly trusts them.
	_ = dst[(out-1)*(drow+dcol)+n-1]
	_, _ = src[at+(in-1)*max(0, srow+scol)+n-1], src[at+(in-1)*min(0, srow+scol)]
	if active <= neon {
		k.generic(dst, drow, dcol, src, at, srow, scol, n)
		return
	}
	k.assembly(&dst[0], bytes(drow), bytes(dcol), &src[at], bytes(srow), bytes(scol), uintptr(n))
}

// generic is the definition: T times the square, times T transposed, channel by channel.
func (k winogradTransform) generic(dst []float32, drow, dcol int, src []float32, at, srow, scol, n int) {
	t := winogradMatrices[k]
	in := len(t[0])
	for c := range n {
		var half [6][6]float32 // src T'
		for i := range in {
			for j, row := range t {
				for l := range in {
					if row[l] != 0 {
						half[i][j] += row[l] * src[at+i*srow+l*scol+c]
					}
				}
			}
		}
		for i, row := range t {
			for j := range t {
				var s float32
				for l := range in {
					if row[l] != 0 {
						s += row[l] * half[l][j]
					}
				}
				dst[i*drow+j*dcol+c] = s
			}
		}
	}
}

package kern

import "sync"

// A function of a bfloat16 has 65,536 values. GELU and its derivative are looked up: what a network has of them in one
// layer is some thousand entries, which stay in the first cache.

// geluTable holds Gelu, rounded, and its derivative of every bfloat16, as one level computes them.
type geluTable struct {
	once  sync.Once
	y     [1<<16 + 2]uint16 // the assembly reads four bytes at every entry
	slope [1 << 16]float32
}

var geluTables [avx512 + 1]geluTable

func gelus() *geluTable {
	t := &geluTables[active]
	t.once.Do(func() {
		x, one := make([]float32, 1<<16), make([]float32, 1<<16)
		for i := range x {
			x[i], one[i] = wide(uint16(i)), 1
		}
		GelusHalf(t.y[:1<<16], x)
		GeluGrads(t.slope[:], one, x)
	})
	return t
}

// GelusHalves is GelusHalf of x in bfloat16.
func GelusHalves(y, x []uint16) {
	x, t := x[:len(y)], gelus()
	at := wholeHalf(len(y))
	if at > 0 {
		halfPasses.lookup(&y[0], &x[0], &t.y[0], uintptr(at))
	}
	for i := at; i < len(y); i++ {
		y[i] = t.y[x[i]]
	}
}

// GeluGradsHalf is GeluGrads at x in bfloat16.
func GeluGradsHalf(dx, dy []float32, x []uint16) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	t, at := gelus(), wholeHalf(len(dx))
	if at > 0 {
		halfPasses.lookupTimes(&dx[0], &dy[0], &x[0], &t.slope[0], uintptr(at))
	}
	for i := at; i < len(dx); i++ {
		dx[i] = Flush(dy[i] * t.slope[x[i]])
	}
}

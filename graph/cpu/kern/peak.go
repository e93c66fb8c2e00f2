package kern

import "time"

// Peak measures the machine's limits: the roofs of a roofline (Williams, Waterman, Patterson, CACM 52(4), 2009).
type Peak struct {
	GFLOPS float64 // of the micro-kernel on operands in the first-level caches, all threads
	GBPerS float64 // read and written by a pass over memory far larger than a core's own caches, all threads
}

// MeasurePeak takes about a fifth of a second and is right only while nothing else runs.
func MeasurePeak() Peak {
	return Peak{GFLOPS: peakFLOPs() / 1e9, GBPerS: peakBytes() / 1e9}
}

// fastest is the least time of f over several tries.
func fastest(tries int, f func()) float64 {
	var least time.Duration
	for i := range tries {
		begin := time.Now()
		f()
		if t := time.Since(begin); i == 0 || t < least {
			least = t
		}
	}
	return least.Seconds()
}

func peakFLOPs() float64 {
	const depth, calls = 128, 2000
	l := dims()
	tasks := 4 * Threads()
	each := roundUp(l.mr*(depth+lineFloats)+depth*l.nr+l.mr*l.nr, lineFloats)
	memory := align(make([]float32, Threads()*each+lineFloats))
	job := func(_, worker int) {
		mine := memory[worker*each : (worker+1)*each]
		t := tower{tile: tile{a: ptr(mine, 0), rs: bytes(depth + lineFloats), cs: floatSize, bs: bytes(l.nr),
			ldc: bytes(l.nr), k: depth}}
		b := l.mr * (depth + lineFloats)
		t.b, t.c = ptr(mine, b), ptr(mine, b+depth*l.nr)
		t.single()
		t.columns(l.nr)
		t.tiles(calls, l.mr, 0, 0)
	}
	seconds := fastest(6, func() { RunWorker(tasks, job) })
	return float64(tasks) * calls * 2 * depth * float64(l.mr*l.nr) / seconds
}

func peakBytes() float64 {
	const block, blocks = 1 << 16, 256 // floats: 64 MiB in each of two operands
	x, y := make([]float32, block*blocks), make([]float32, block*blocks)
	job := func(task int) { Relu(y[task*block:(task+1)*block], x[task*block:]) }
	seconds := fastest(5, func() { Run(blocks, job) })
	return 2 * floatSize * block * blocks / seconds
}

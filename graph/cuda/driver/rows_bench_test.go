//go:build gpu && cgo

package driver_test

import (
	"fmt"
	"testing"
	"time"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

// timed are operations over rows, with their gradients, at the sizes of training steps.
func timed() []optest.Case {
	bn := func(in nodes) *op.Node {
		y := op.BatchNorm(in[0], op.BatchStats(in[0]), op.BN{Eps: 1e-5}, in[1], in[2])
		return op.SumAll(op.Relu(op.Add(y, in[3])))
	}
	norm := func(s ...int) []optest.Input {
		c := s[len(s)-1]
		return []optest.Input{whole(9, s...), values(c), values(c), whole(9, s...)}
	}
	all := func(f func(in nodes) *op.Node) func(in nodes) *op.Node {
		return func(in nodes) *op.Node { return op.SumAll(f(in)) }
	}
	recurrent := func(cell string) func(in nodes) *op.Node {
		return all(func(in nodes) *op.Node { return op.Apply(op.Recurrent{Cell: cell}, in[0], in[1], in[2]) })
	}
	return []optest.Case{
		{Name: "batch norm 56x56x64", In: norm(128, 56, 56, 64), Build: bn},
		{Name: "batch norm 7x7x512", In: norm(128, 7, 7, 512), Build: bn},
		{Name: "batch norm 4096", In: norm(512, 4096), Build: bn},
		{Name: "layer norm 384", In: norm(256*197, 384), Build: all(func(in nodes) *op.Node {
			return op.LayerNorm(in[0], in[1], in[2], 1e-6)
		})},
		{Name: "bias 1536", In: []optest.Input{whole(9, 256*197, 1536)}, Build: func(in nodes) *op.Node {
			return op.SumTo(in[0], ir.Shape{1536})
		}},
		{Name: "mean of images", In: []optest.Input{whole(9, 256, 7, 7, 2048)}, Build: func(in nodes) *op.Node {
			return op.SumAll(op.GlobalAvgPool(in[0]))
		}},
		{Name: "softmax 65536", In: []optest.Input{whole(9, 256, 65536)},
			Build: all(func(in nodes) *op.Node { return op.Softmax(in[0]) })},
		{Name: "cross-entropy 65537", In: []optest.Input{whole(9, 256, 65537), numbers(65537, 256)},
			Build: all(func(in nodes) *op.Node { return op.CrossEntropy(in[0], in[1], 0) })},
		{Name: "cross-entropy 1024", In: []optest.Input{whole(9, 1024, 1024), numbers(1024, 1024)},
			Build: all(func(in nodes) *op.Node { return op.CrossEntropy(in[0], in[1], 0) })},
		{Name: "normalize 256", In: []optest.Input{whole(9, 4096, 256)},
			Build: all(func(in nodes) *op.Node { return op.Normalize(in[0], 1e-12) })},
		{Name: "top 5 of 65536", In: []optest.Input{values(256, 65536)},
			Build: func(in nodes) *op.Node { return op.TopK(in[0], 5) }},
		{Name: "argsort 196", In: []optest.Input{values(1024, 196)},
			Build: func(in nodes) *op.Node { return op.Argsort(in[0]) }},
		{Name: "tokens", In: []optest.Input{whole(9, 512, 196, 768), numbers(196, 512, 49)},
			Build: all(func(in nodes) *op.Node { return op.GatherTokens(in[0], in[1]) })},
		{Name: "symbols", In: []optest.Input{values(30000, 256), numbers(3000, 1<<16)},
			Build: all(func(in nodes) *op.Node { return op.Gather(in[0], in[1]) })},
		{Name: "max pool", In: []optest.Input{whole(9, 128, 112, 112, 64)}, Build: all(func(in nodes) *op.Node {
			return op.MaxPool2D(in[0], op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}})
		})},
		{Name: "gru", In: []optest.Input{values(256, 64, 768), whole(1, 256, 768), values(768)},
			Build: recurrent("gru")},
		{Name: "lstm", In: []optest.Input{values(256, 64, 1024), whole(1, 256, 1024), values(1024)},
			Build: recurrent("lstm")},
		{Name: "factor 256", In: []optest.Input{values(256, 600)}, Build: func(in nodes) *op.Node {
			return op.InverseCholesky(op.MatMul(in[0], in[0], false, true))
		}},
		{Name: "polar 256", In: []optest.Input{values(256, 256)},
			Build: func(in nodes) *op.Node { return op.Polar(in[0]) }},
		{Name: "assign 512", In: []optest.Input{values(512, 512)},
			Build: func(in nodes) *op.Node { return op.Assign(in[0]) }},
		{Name: "queue", In: []optest.Input{whole(9, 65536, 128), whole(1), whole(9, 256, 128)},
			Build: func(in nodes) *op.Node { return op.PutAt(in[0], in[1], in[2]) }},
	}
}

// BenchmarkRows times every instruction of the cases on the device: microseconds, and GB/s of operands and results.
//
//	driver.test -test.run - -test.bench Rows -test.benchtime 10x
func BenchmarkRows(b *testing.B) {
	on := open(b)
	for _, c := range timed() {
		b.Run(c.Name, func(b *testing.B) {
			r, err := c.Run(on, ir.F32)
			if err != nil {
				b.Fatal(err)
			}
			times(b, r.Program)
		})
	}
}

// times runs a program and prints what its instructions took.
func times(b *testing.B, p *graph.Program) {
	before := append([]time.Duration(nil), p.Profile()...)
	for b.Loop() {
		if err := p.Run(); err != nil {
			b.Fatal(err)
		}
	}
	for i, t := range p.Profile()[:len(p.IR.Instrs)] {
		in := p.IR.Instrs[i]
		each := (t - before[i]) / time.Duration(b.N)
		fmt.Printf("  %-20s %9.1f us %7.0f GB/s %v\n", in.Spec.Name(), float64(each.Nanoseconds())/1e3,
			float64(p.IR.Bytes(in))/float64(max(1, each.Nanoseconds())), p.IR.Types(in))
	}
	b.ReportMetric(0, "ns/op")
}

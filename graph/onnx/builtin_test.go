package onnx_test

import (
	"io"
	"testing"

	"selfsup/backbones"
	"selfsup/graph/ir"
	"selfsup/graph/onnx"
)

// Every backbone of this module, with its defaults, has an ONNX model; a new operation shows here.
func TestEveryBackboneIsWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("writes models of usual sizes")
	}
	images := backbones.Pixels(32, 32, 3)
	images.Low, images.High = []float32{-2, -2, -2}, []float32{2, 2, 2}
	large := backbones.Pixels(224, 224, 3)
	large.Low, large.High = images.Low, images.High
	inputs := []backbones.Input{images, large, {Shape: []int{8, 32, 32, 3}}, {Shape: []int{20480, 1}},
		{Shape: []int{24}, Int: true, Of: []int{50}}, backbones.Rows(0, 3, 0)}
	for name, fresh := range backbones.Builtin() {
		b, fits := fresh(), false
		for _, in := range inputs {
			if b.Check(in) != nil {
				continue
			}
			fits = true
			n := of(name, b, in)
			m := onnx.Model{Batch: [2]int{2, 3}, Name: name, Output: "features", Input: onnx.Input{Name: "samples"}}
			types := map[string]ir.Type{}
			for i, batch := range m.Batch {
				g := n.graph(t, batch)
				for _, l := range g.States() {
					types[l.Name] = l.Type
				}
				var err error
				if m.Program[i], err = g.Lower(); err != nil {
					t.Fatal(err)
				}
			}
			m.State = func(name string) (ir.Array, bool) {
				of, ok := types[name]
				if of.DType != ir.I32 {
					of.DType = ir.F32
				}
				return ir.NewArray(of), ok
			}
			if err := onnx.Write(io.Discard, m); err != nil {
				t.Errorf("%s %v: %v", name, in, err)
			}
			break
		}
		if !fits {
			t.Errorf("%s takes none of %v: add what it takes", name, inputs)
		}
	}
}

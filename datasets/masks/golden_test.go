package masks

import (
	"math"
	"slices"
	"testing"

	"selfsup/internal/golden"
)

// The blocks of I-JEPA for given draws, and what is left of the context.
func TestGoldenMultiBlock(t *testing.T) {
	f := golden.Load(t, "mim/ijepa_block_masks")
	g := Grid{1, golden.Param[int](t, f, "height"), golden.Param[int](t, f, "width")}
	pair := func(key string) [2]float64 { return golden.Param[[2]float64](t, f, key) }
	u := f.Inputs["u_pred"].Data
	m := &MultiBlock{Targets: len(u) / 2, TargetScale: pair("pred_mask_scale"), TargetAspect: pair("aspect_ratio"),
		ContextScale: pair("enc_mask_scale"), LeastContext: golden.Param[int](t, f, "min_keep") + 1}
	size := f.Inputs["u_size"].Data
	target, context := m.sizes(g, size[0], size[1])
	golden.Compare(t, "pred_block", []float64{float64(target.h), float64(target.w)}, f.Outputs["pred_block"], 0)
	golden.Compare(t, "enc_block", []float64{float64(context.h), float64(context.w)}, f.Outputs["enc_block"], 0)

	dst := make([]uint8, (1+m.Targets)*g.Tokens())
	draws := slices.Concat(u, f.Inputs["u_enc"].Data)
	m.draw(dst, g, target, context, func(b block) block {
		b.top, b.left = int(draws[0]*float64(g.Rows-b.h)), int(draws[1]*float64(g.Columns-b.w)) // as the code counts
		draws = draws[2:]
		return b
	})
	var places [2][]float64 // of the context, and of the targets
	for plane := range 1 + m.Targets {
		for i, v := range dst[plane*g.Tokens() : (plane+1)*g.Tokens()] {
			if v == 1 {
				places[min(plane, 1)] = append(places[min(plane, 1)], float64(i))
			}
		}
	}
	golden.Compare(t, "enc_mask", places[0], f.Outputs["enc_mask"], 0)
	golden.Compare(t, "pred_masks", places[1], f.Outputs["pred_masks"], 0)
	if most, wide := m.Most(g); most < target.h*target.w || wide < context.h*context.w {
		t.Errorf("at most %d and %d tokens, these blocks have %d and %d", most, wide, target.h*target.w,
			context.h*context.w)
	}
}

// The inverse blocks of data2vec 2.0 for given centres and order.
func TestGoldenInverseBlock(t *testing.T) {
	f := golden.Load(t, "mim/data2vec2_inverse_block_mask")
	n := golden.Param[int](t, f, "length")
	side := int(math.Round(math.Sqrt(float64(n))))
	g := Grid{1, side, side}
	m := &InverseBlock{Ratio: golden.Param[float64](t, f, "mask_prob"), Side: golden.Param[int](t, f, "mask_length"),
		Adjust: golden.Param[float64](t, f, "mask_prob_adjust")}
	if err := m.Validate(g); err != nil {
		t.Fatal(err)
	}
	keys := f.Inputs["keys"].Data
	order := (&Scratch{}).places(n)
	slices.SortFunc(order, func(a, b int) int {
		if keys[a] < keys[b] {
			return -1
		}
		return 1
	})
	centres := f.Inputs["centres"]
	var got []float64
	for row := range centres.Shape[0] {
		dst := make([]uint8, n)
		for i := range centres.Shape[1] {
			m.keep(dst, g, int(centres.Data[row*centres.Shape[1]+i]))
		}
		m.settle(dst, g, order)
		for _, v := range dst {
			got = append(got, float64(v))
		}
	}
	golden.Compare(t, "mask", got, f.Outputs["mask"], 0)
}

// The blocks of BEiT for given draws.
func TestGoldenBlock(t *testing.T) {
	f := golden.Load(t, "mim/beit_block_mask")
	size := golden.Param[[2]int](t, f, "input_size")
	g := Grid{1, size[0], size[1]}
	m := &Block{Ratio: (float64(golden.Param[int](t, f, "num_masking_patches")) + 0.5) / float64(g.Tokens()),
		Smallest: golden.Param[int](t, f, "min_num_patches"), Aspect: golden.Param[float64](t, f, "min_aspect")}
	draws, row, column := f.Inputs["draws"].Data, -1, 0 // a row of draws for each attempt
	number := func() float64 {
		if column%2 == 0 {
			row, column = row+1, 0
		}
		column++
		return draws[4*row+column-1]
	}
	place := func(below int) int {
		column++
		return int(draws[4*row+column-1] * float64(below))
	}
	dst := make([]uint8, g.Tokens())
	m.draw(dst, g, number, place)
	var got []float64
	for _, v := range dst {
		got = append(got, float64(v))
	}
	golden.Compare(t, "mask", got, f.Outputs["mask"], 0)
	golden.Compare(t, "draw_rows_used", []float64{float64(row + 1)}, f.Outputs["draw_rows_used"], 0)
}

package experiment

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"math"
	"slices"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/encoder"
	"selfsup/experiment/report/page"
	"selfsup/experiment/sheet"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/methods"
)

// sheetImages is how many test images a sheet of a portrait has.
const sheetImages = 8

// mostHeads is how many heads of attention are drawn apart.
const mostHeads = 6

// attention draws where the last block of a transformer of image patches looks: the weights with which the class token
// reads the patches or, where there is none, the mean over the patches that read. Caron et al. 2021, arXiv:2104.14294,
// figure 1. Blocks that make their weights another way, with relative positions, are left out.
func (p *portrait) attention(ctx context.Context) error {
	enc := p.encoder()
	if _, images := p.Recipe.Backbone.Value.(backbones.Tokens); !images || p.Views == nil || len(p.Input.Shape) != 3 {
		return nil
	}
	var grid [2]int
	found := false
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := encoder.InputOf(g, p.Input, sheetImages)
		e := enc.Tokens(p.aboveEncoder(g))
		y := e.Encode(e.Embed(x))
		grid = [2]int{e.Rows, e.Columns}
		w := layer.Gaze(g, y, e.Rows*e.Columns, e.HasClass)
		if found = w != nil && e.Patch > 0 && e.Frames == 0; !found {
			g.Output("none", y)
			return
		}
		g.Output("weights", w)
	})
	if err != nil || !found {
		return err
	}
	rows := p.chosen(sheetImages)
	out, x, err := p.runOn(g, "weights", rows, nil)
	if err != nil {
		return err
	}
	heads, patches := out.shape[1], out.shape[2] // [N,heads,T]
	sh := &sheet.Sheet{Title: "attention of the last block", Columns: []string{"image", "all heads"}}
	for h := range min(heads, mostHeads) {
		sh.Columns = append(sh.Columns, fmt.Sprintf("head %d", h+1))
	}
	for k, i := range rows {
		row := sheet.Row{Label: p.className(int32(p.test.Label(i))), Cells: []sheet.Cell{p.cellOf(x, p.Input.Shape, k)}}
		mean := make([]float32, patches)
		var apart []sheet.Cell
		for h := range heads {
			own := out.values[(k*heads+h)*patches:][:patches]
			for j, v := range own {
				mean[j] += v / float32(heads)
			}
			apart = append(apart, heat(own, grid, p.Input.Shape))
		}
		row.Cells = append(append(row.Cells, heat(mean, grid, p.Input.Shape)), apart[:min(heads, mostHeads)]...)
		sh.Rows = append(sh.Rows, row)
	}
	return p.addSheet(sh, "Attention", "Where the last block looks: by the class token, or by the mean over all "+
		"patches where there is none; the smallest weight is black, the largest white.")
}

// heat is weights of a grid as an image as large as the input, from the smallest, black, to the largest, white.
func heat(weights []float32, grid [2]int, shape []int) sheet.Cell {
	c := sheet.Cell{H: shape[0], W: shape[1], C: 1, Pix: make([]float32, shape[0]*shape[1])}
	low, most := slices.Min(weights), slices.Max(weights)
	for i := range c.Pix {
		y, x := i/c.W*grid[0]/c.H, i%c.W*grid[1]/c.W
		c.Pix[i] = (weights[y*grid[1]+x] - low) / max(most-low, math.SmallestNonzeroFloat32)
	}
	return c
}

// reconstructions draws what the method shows of test images, where it shows anything.
func (p *portrait) reconstructions(ctx context.Context) error {
	m, ok := p.Recipe.Method.Value.(methods.Shown)
	if !ok || p.Views == nil || len(p.Input.Shape) != 3 {
		return nil
	}
	var names []string
	var plans map[string]masks.Plan
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		b := methods.NewBatch(g, sheetImages, methods.Data{Maker: p.Kind.Evaluation(p.test), Samples: p.Seen.Len(),
			Classes: len(p.Data.Train.Classes())})
		names = nil
		for _, one := range m.Show(g, p.encoder(), b) {
			names = append(names, one.Name)
			g.Output(one.Name, one.Value)
		}
		plans = b.Masks()
	})
	if err != nil {
		return err
	}
	rows := p.chosen(sheetImages)
	sh := &sheet.Sheet{Title: p.Recipe.Method.Name, Columns: names, Rows: make([]sheet.Row, len(rows))}
	for _, name := range names {
		out, _, err := p.runOn(g, name, rows, plans)
		if err != nil {
			return err
		}
		for k, i := range rows {
			sh.Rows[k].Label = p.className(int32(p.test.Label(i)))
			sh.Rows[k].Cells = append(sh.Rows[k].Cells, p.cellOf(out.values, out.shape[1:], k))
		}
	}
	return p.addSheet(sh, "Reconstructions", "Test images, what the encoder sees of them, and what is painted where "+
		"it sees nothing.")
}

// output is numbers that a program gave.
type output struct {
	shape  []int
	values []float32
}

// runOn runs a graph of sheetImages samples over the portrait's Store, on test samples, with masks of step 0, and
// returns an output and the samples.
func (p *portrait) runOn(g *graph.Graph, name string, rows []int, plans map[string]masks.Plan) (output, []float32,
	error) {
	program, err := g.CompileOver(p.Device, p.st)
	if err != nil {
		return output{}, nil, err
	}
	var x []float32
	for input, a := range program.Inputs() {
		if plan, ok := plans[input]; ok {
			drawn, n := make([]uint8, plan.Size()), plan.Size()
			for k := range sheetImages {
				plan.Draw(drawn, uint64(p.Recipe.Seed), 0, k, new(masks.Scratch))
				for j, v := range drawn {
					a.F32[k*n+j] = float32(v)
				}
			}
			continue
		}
		if input != p.Input.Name {
			return output{}, nil, fmt.Errorf("it reads %s; want views and masks alone", input)
		}
		x = a.F32
		samples := make([]int32, len(rows))
		for k, i := range rows {
			samples[k] = int32(i)
		}
		err := feed.Fill(p.Kind.Evaluation(p.test), input, feed.Slot{F32: x}, samples, uint64(p.Recipe.Seed))
		if err != nil {
			return output{}, nil, &DataError{err}
		}
	}
	if err := program.Run(); err != nil {
		return output{}, nil, err
	}
	a, err := program.Output(name)
	return output{a.Shape, slices.Clone(a.F32)}, slices.Clone(x), err
}

// cellOf is image k of normalised images as a picture.
func (p *portrait) cellOf(x []float32, shape []int, k int) sheet.Cell {
	c := sheet.Cell{H: shape[0], W: shape[1], C: shape[2]}
	n := c.H * c.W * c.C
	c.Pix = slices.Clone(x[k*n : (k+1)*n])
	for i := range c.Pix {
		c.Pix[i] = c.Pix[i]*p.Views.Std[i%c.C] + p.Views.Mean[i%c.C]
	}
	return c
}

// addSheet draws a sheet into the portrait.
func (p *portrait) addSheet(sh *sheet.Sheet, title, text string) error {
	one, err := PageSheet(sh, title, text)
	p.out.Sheets = append(p.out.Sheets, one)
	return err
}

// PageSheet is a sheet as a picture of a page.
func PageSheet(sh *sheet.Sheet, title, text string) (page.Sheet, error) {
	m, err := sh.Draw()
	if err != nil {
		return page.Sheet{}, err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return page.Sheet{}, err
	}
	return page.Sheet{Title: title, Text: text, Data: page.DataURI("png", b.Bytes())}, nil
}

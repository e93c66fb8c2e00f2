package experiment

import (
	"fmt"
	"math"
	"slices"

	"selfsup/experiment/sheet"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// pictureScope is where the training program has the images that a method shows.
const pictureScope = "picture"

// pictures are the most images that a sheet of them has, in rows of eight.
const pictures, picturesInRow = 64, 8

// outputPictures declares what a method shows.
func outputPictures(g *graph.Scope, shown []methods.Picture) {
	for _, p := range shown {
		g.In(pictureScope).Output(p.Name, p.Value)
	}
}

// checkPictures stops a method that shows what is no image.
func checkPictures(shown []methods.Picture, bad func(format string, args ...any)) {
	var named []string
	for _, p := range shown {
		switch {
		case p.Name == "" || slices.Contains(named, p.Name):
			bad("returns the picture %q; want a name for each, its file in the run folder", p.Name)
		case p.Value == nil:
			bad("returns the picture %q without a Value", p.Name)
		}
		if s := op.ShapeOf(p.Value); len(s) != 4 || s[3] != 1 && s[3] != 3 {
			bad("returns the picture %q of shape %v; want images [N,H,W,C] of 1 or 3 channels", p.Name, s)
		}
		named = append(named, p.Name)
	}
}

// drawPictures writes what the method shows of the step that was done last into the run folder, NAME.png.
func (r *run) drawPictures(done int) error {
	if r.now.Views == nil {
		return nil
	}
	low, high := r.now.Views.Range()
	for _, p := range r.now.objective.Pictures {
		a, err := r.now.Train.Output(pictureScope + "/" + p.Name)
		if err != nil {
			return err
		}
		n, h, w, c := a.Shape[0], a.Shape[1], a.Shape[2], a.Shape[3]
		across := min(n, picturesInRow)
		sh := &sheet.Sheet{Title: fmt.Sprintf("%s: %s after step %d", r.Recipe.Name, p.Name, done),
			Columns: make([]string, across)}
		for i := range min(n, pictures) / across * across {
			cell := sheet.Cell{H: h, W: w, C: c, Pix: slices.Clone(a.F32[i*h*w*c:][:h*w*c])}
			for k, v := range cell.Pix {
				cell.Pix[k] = (v - low[k%c]) / (high[k%c] - low[k%c])
				if math.IsNaN(float64(cell.Pix[k])) {
					cell.Pix[k] = 0
				}
			}
			if i%across == 0 {
				sh.Rows = append(sh.Rows, sheet.Row{})
			}
			last := &sh.Rows[len(sh.Rows)-1]
			last.Cells = append(last.Cells, cell)
		}
		if err := sh.Write(r.Folder.File(p.Name + ".png")); err != nil {
			return err
		}
	}
	return nil
}

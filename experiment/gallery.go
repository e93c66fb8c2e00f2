package experiment

import (
	"context"

	"selfsup/datasets"
	"selfsup/datasets/resample"
	"selfsup/evaluations"
	"selfsup/experiment/report/page"
	"selfsup/experiment/sheet"
)

// The gallery of a portrait: test samples beside the training samples that are nearest to them.
const (
	galleryQueries = 12
	galleryNear    = 8
	galleryTile    = 64 // pixels, at most
)

// queries finds the neighbours of some test samples, of as many classes as can be.
func (p *portrait) queries(ctx context.Context) error {
	rows := p.chosen(galleryQueries)
	f := evaluations.Features{TrainX: p.train[p.at].x, Dim: p.train[p.at].dim}
	for _, i := range rows {
		f.TestX = append(f.TestX, p.tested[p.at].x[i*f.Dim:(i+1)*f.Dim]...)
	}
	near, err := f.Nearest(ctx, galleryNear)
	if err != nil {
		return err
	}
	g := gallery{portrait: p}
	for k, i := range rows {
		own := int32(p.test.Label(i))
		q := page.Query{Label: p.className(own), Tile: g.tile(p.test, i)}
		for _, n := range near[k] {
			label := int32(p.training.Label(int(n.Index)))
			found := page.Found{Label: p.className(label), Cosine: page.Number(n.Cosine),
				Tile: g.tile(p.training, int(n.Index))}
			if own >= 0 && label >= 0 && p.labelled {
				same := own == label
				found.Same = &same
			}
			q.Near = append(q.Near, found)
		}
		p.out.Queries = append(p.out.Queries, q)
	}
	if g.err != nil || len(g.cells) == 0 {
		return g.err
	}
	p.out.Gallery, err = sprite(g.cells, galleryTile)
	return err
}

// chosen are so many test samples, one of every class in turn.
func (p *portrait) chosen(n int) (rows []int) {
	taken := make([]bool, p.test.Len())
	for n = min(n, len(taken)); len(rows) < n; {
		seen := map[int]bool{}
		for i := range taken {
			l := p.test.Label(i)
			if taken[i] || seen[l] || len(rows) == n {
				continue
			}
			taken[i], seen[l] = true, true
			rows = append(rows, i)
		}
	}
	return rows
}

func (p *portrait) className(label int32) string {
	if classes := p.Data.Train.Classes(); label >= 0 && int(label) < len(classes) {
		return classes[label]
	}
	return ""
}

// gallery gathers pictures; the first that cannot be read ends it.
type gallery struct {
	*portrait
	cells []sheet.Cell
	err   error
}

// tile adds the picture of a sample and returns its number; -1 where samples are no images.
func (g *gallery) tile(set datasets.Labelled, i int) int {
	images, ok := set.(datasets.Set)
	if !ok || g.err != nil {
		return -1
	}
	c, err := thumbnail(images, i, galleryTile)
	g.err, g.cells = err, append(g.cells, c)
	return len(g.cells) - 1
}

// thumbs are the pictures of the maps' points.
func (p *portrait) thumbs(ctx context.Context) error {
	images, ok := p.test.(datasets.Set)
	if !ok || p.Thumbs == 0 || len(p.out.Maps) == 0 {
		return nil
	}
	var cells []sheet.Cell
	for i := range images.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := thumbnail(images, i, p.Thumbs)
		if err != nil {
			return err
		}
		cells = append(cells, c)
	}
	var err error
	p.out.Thumbs, err = sprite(cells, p.Thumbs)
	return err
}

// thumbnail is an image in at most side x side pixels, of its own proportions; a smaller one stays as it is.
func thumbnail(set datasets.Set, i, side int) (sheet.Cell, error) {
	var m datasets.Image
	if err := set.Image(i, &m); err != nil {
		return sheet.Cell{}, &DataError{err}
	}
	c := sheet.Cell{H: m.H, W: m.W, C: m.C}
	if most := max(m.H, m.W); most > side {
		c.H, c.W = max(m.H*side/most, 1), max(m.W*side/most, 1)
	}
	c.Pix = make([]float32, c.H*c.W*c.C)
	new(resample.Resampler).Run(c.Pix, resample.Job{Src: m.Pix, Width: m.W, Channels: m.C,
		Box: resample.Whole(m.H, m.W), Size: [2]int{c.H, c.W}})
	return c, nil
}

// sprite is cells in one picture, whose squares are as large as the largest cell.
func sprite(cells []sheet.Cell, most int) (*page.Sprite, error) {
	side := 1
	for _, c := range cells {
		side = max(side, c.H, c.W)
	}
	file, columns, err := sheet.Sprite(cells, min(side, most))
	if err != nil {
		return nil, err
	}
	return &page.Sprite{Data: page.DataURI("jpeg", file), Side: min(side, most), Columns: columns, Count: len(cells)},
		nil
}

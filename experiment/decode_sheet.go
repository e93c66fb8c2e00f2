package experiment

import (
	"fmt"
	"math"

	"selfsup/experiment/sheet"
)

// drawDecoded draws a sheet: for each test image a row for each representation, with the image, its samples, how their
// pixels vary, and the training image that is nearest to the first sample.
func drawDecoded(path string, s *Setup, all []*decoder) error {
	samples := all[0].o.Samples
	sh := &sheet.Sheet{Title: fmt.Sprintf("%s: images made of what the encoder says, by %s", s.Recipe.Name,
		all[0].o.Sampler)}
	sh.Columns = append(sh.Columns, "image")
	for j := range samples {
		sh.Columns = append(sh.Columns, fmt.Sprintf("sample %d", j+1))
	}
	sh.Columns = append(sh.Columns, "variance", "nearest to 1")
	size, v := s.Views.Size(), s.Views
	cell := func(pixels []float32, text string) sheet.Cell {
		c := sheet.Cell{H: v.Height, W: v.Width, C: v.Channels, Pix: make([]float32, size), Text: text}
		for k, p := range pixels {
			c.Pix[k] = (p + 1) / 2
		}
		return c
	}
	for i := range len(all[0].test.y) {
		for _, d := range all {
			row := sheet.Row{Label: fmt.Sprintf("%s\n%d numbers", d.name(), d.learn.dim)}
			image := d.images[i*size : (i+1)*size]
			row.Cells = append(row.Cells, cell(image, ""))
			for j := range samples {
				row.Cells = append(row.Cells, cell(d.samples[(i*samples+j)*size:][:size], ""))
			}
			row.Cells = append(row.Cells, d.varianceMap(i))
			near := d.nearest[i*size : (i+1)*size]
			row.Cells = append(row.Cells, cell(near, fmt.Sprintf("%.3f", apart(near,
				d.samples[i*samples*size:][:size]))))
			sh.Rows = append(sh.Rows, row)
		}
	}
	return sh.Write(path)
}

// brightest is the deviation of a pixel, of full scale, that a map of variances shows as white.
const brightest = 0.35

// varianceMap is the deviation of each pixel over an image's samples, the mean over the channels.
func (d *decoder) varianceMap(i int) sheet.Cell {
	v, size := d.Views, d.size()
	c := sheet.Cell{H: v.Height, W: v.Width, C: 1, Pix: make([]float32, v.Height*v.Width),
		Text: fmt.Sprintf("%.4f", d.out.Variance[i])}
	for k := range size {
		sum, squares := 0.0, 0.0
		for j := range d.o.Samples {
			x := (float64(d.samples[(i*d.o.Samples+j)*size+k]) + 1) / 2
			sum, squares = sum+x, squares+x*x
		}
		n := float64(d.o.Samples)
		deviation := math.Sqrt(max(squares-sum*sum/n, 0) / (n - 1))
		c.Pix[k/v.Channels] += float32(deviation / brightest / float64(v.Channels))
	}
	return c
}

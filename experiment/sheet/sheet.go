// Package sheet draws contact sheets: a table of small images with names, as a PNG file.
package sheet

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"selfsup/experiment/folder"
)

// Cell is one image: [H,W,C] with values in [0,1], C is 1 or 3; values outside are cut.
type Cell struct {
	H, W, C int
	Pix     []float32
	Text    string // lines below the image; empty: none
}

// Row is images beside each other, with lines of text on the left.
type Row struct {
	Label string
	Cells []Cell
}

// Sheet is a table of images. Every row has a cell for each column.
type Sheet struct {
	Title   string
	Columns []string
	Rows    []Row
}

const (
	gap      = 6  // pixels between cells
	cellSide = 96 // small images are enlarged by a whole factor to about this
	letter   = 7  // width of a character
	line     = 15 // height of a line of text
)

var (
	paper = color.RGBA{0xff, 0xff, 0xff, 0xff}
	ink   = color.RGBA{0x20, 0x20, 0x20, 0xff}
)

// Write draws the sheet into a file; whoever reads it sees the old file or the new one, never a part.
func (s *Sheet) Write(path string) error {
	m, err := s.Draw()
	if err != nil {
		return err
	}
	if err := folder.Replace(path, func(w io.Writer) error { return png.Encode(w, m) }); err != nil {
		return fmt.Errorf("contact sheet: %s: %w", path, err)
	}
	return nil
}

// Draw paints the sheet. Cells of a column stand left-aligned under its name, as many image pixels as the largest
// factor allows.
func (s *Sheet) Draw() (*image.RGBA, error) {
	widths, labels := make([]int, len(s.Columns)), 0
	heights := make([]int, len(s.Rows))
	for i, c := range s.Columns {
		widths[i] = letter * len(c)
	}
	for y, r := range s.Rows {
		if len(r.Cells) != len(s.Columns) {
			return nil, fmt.Errorf("contact sheet: row %d has %d cells for %d columns", y, len(r.Cells), len(s.Columns))
		}
		text := strings.Split(r.Label, "\n")
		heights[y] = line * len(text)
		for _, t := range text {
			labels = max(labels, letter*len(t))
		}
		for x, c := range r.Cells {
			if c.H < 1 || c.W < 1 || c.C != 1 && c.C != 3 || len(c.Pix) != c.H*c.W*c.C {
				return nil, fmt.Errorf("contact sheet: row %d, %s: %d values as an image of %dx%dx%d", y, s.Columns[x],
					len(c.Pix), c.H, c.W, c.C)
			}
			f, text := c.factor(), c.lines()
			widths[x], heights[y] = max(widths[x], f*c.W), max(heights[y], f*c.H+line*len(text))
			for _, t := range text {
				widths[x] = max(widths[x], letter*len(t))
			}
		}
	}
	w, h := labels+2*gap, 2*line+2*gap
	for _, v := range widths {
		w += v + gap
	}
	for _, v := range heights {
		h += v + gap
	}
	m := image.NewRGBA(image.Rect(0, 0, max(w, letter*len(s.Title)+2*gap), h))
	draw.Draw(m, m.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	write(m, gap, gap, s.Title)
	y := 2*line + gap
	for i, r := range s.Rows {
		for k, t := range strings.Split(r.Label, "\n") {
			write(m, gap, y+k*line, t)
		}
		x := labels + 2*gap
		for k, c := range r.Cells {
			if i == 0 {
				write(m, x, line+gap, s.Columns[k])
			}
			c.draw(m, x, y)
			for n, t := range c.lines() {
				write(m, x, y+c.factor()*c.H+n*line, t)
			}
			x += widths[k] + gap
		}
		y += heights[i] + gap
	}
	return m, nil
}

// factor is the whole number that a cell is enlarged by.
func (c Cell) factor() int { return max(cellSide/max(c.H, c.W), 1) }

// lines are those of the text below the image.
func (c Cell) lines() []string {
	if c.Text == "" {
		return nil
	}
	return strings.Split(c.Text, "\n")
}

func (c Cell) draw(m *image.RGBA, left, top int) {
	f := c.factor()
	for y := range f * c.H {
		for x := range f * c.W {
			p := c.Pix[((y/f)*c.W+x/f)*c.C:][:c.C]
			m.SetRGBA(left+x, top+y, color.RGBA{grey(p[0]), grey(p[c.C/2]), grey(p[c.C-1]), 0xff})
		}
	}
}

func grey(v float32) byte { return byte(min(max(v, 0), 1)*255 + 0.5) }

// write sets a line of text; what the font lacks becomes a box.
func write(m *image.RGBA, left, top int, text string) {
	face := basicfont.Face7x13
	d := font.Drawer{Dst: m, Src: image.NewUniform(ink), Face: face, Dot: fixed.P(left, top+face.Ascent)}
	d.DrawString(text)
}

// Package figures draws what a page of runs shows as files, for papers and slides: every figure as PNG and as SVG.
package figures

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // of sprites
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"selfsup/experiment/folder"
	"selfsup/experiment/report/page"
)

// Sizes of a figure.
const (
	width, height = 12 * vg.Centimeter, 8 * vg.Centimeter
	resolution    = 200 // dots per inch, of PNG
)

// line is one line, or one cloud of points, of a figure.
type line struct {
	name   string
	x, y   []float64
	colour color.Color
	dashed bool
}

// Write draws every figure of a page into a folder, which it makes, and lists the files.
func Write(p *page.Page, dir string) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	w := &writer{dir: dir}
	for _, step := range []func(*page.Page) error{w.curves, w.accuracies, w.spectra, w.layers, w.maps, w.confusions,
		w.pictures} {
		if err := step(p); err != nil {
			return w.files, fmt.Errorf("figures: %w", err)
		}
	}
	return w.files, nil
}

// writer keeps what it has written.
type writer struct {
	dir   string
	files []string
}

var unsafe = regexp.MustCompile(`[^a-zA-Z0-9._]+`)

// file is the path of a figure by its name.
func (w *writer) file(name, ending string) string {
	to := filepath.Join(w.dir, strings.Trim(unsafe.ReplaceAllString(name, "-"), "-")+ending)
	w.files = append(w.files, to)
	return to
}

// save writes a figure in both formats.
func (w *writer) save(name string, p *plot.Plot, width, height vg.Length) error {
	m := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(resolution))
	p.Draw(draw.New(m))
	if err := w.put(name, ".png", func(to io.Writer) error { return png.Encode(to, m.Image()) }); err != nil {
		return err
	}
	s := vgsvg.New(width, height)
	p.Draw(draw.New(s))
	return w.put(name, ".svg", func(to io.Writer) error { _, err := s.WriteTo(to); return err })
}

func (w *writer) put(name, ending string, write func(io.Writer) error) error {
	to := w.file(name, ending)
	if err := folder.Replace(to, write); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return nil
}

// lines draws lines over a common axis. Where log is set the values are drawn by their logarithm.
func (w *writer) lines(name, x, y string, lines []line, log, points bool) error {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Add(plotter.NewGrid())
	if log {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: 1}
	}
	drawn := false
	for _, l := range lines {
		var at plotter.XYs
		for i, v := range l.y {
			if !finite(l.x[i]) || !finite(v) || log && v <= 0 {
				continue
			}
			at = append(at, plotter.XY{X: l.x[i], Y: v})
		}
		if len(at) == 0 {
			continue
		}
		drawn = true
		own, marks, err := plotter.NewLinePoints(at)
		if err != nil {
			return err
		}
		own.Color, own.Width = l.colour, vg.Points(1.2)
		if l.dashed {
			own.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(own)
		if points {
			marks.Shape, marks.Color, marks.Radius = draw.CircleGlyph{}, l.colour, vg.Points(2)
			p.Add(marks)
		}
		if l.name != "" && len(lines) <= 12 {
			p.Legend.Add(l.name, own)
		}
	}
	if !drawn {
		return nil
	}
	p.Legend.Top = true
	return w.save(name, p, width, height)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// colours are those of the page (Okabe and Ito 2008), then hues a golden angle apart.
var colours = []color.Color{rgb(0x1f83c9), rgb(0xd55e00), rgb(0x009e73), rgb(0xcc79a7), rgb(0xe69f00), rgb(0x56b4e9),
	rgb(0x8a6d3b), rgb(0x7f56c5), rgb(0xc0392b), rgb(0x5f6a72)}

func rgb(v uint32) color.Color { return color.RGBA{byte(v >> 16), byte(v >> 8), byte(v), 0xff} }

func colourOf(i int) color.Color {
	if i < len(colours) {
		return colours[i]
	}
	hue, light := math.Mod(float64(i)*137.508, 360), 0.6
	if i%2 == 1 {
		light = 0.45
	}
	part := func(n float64) byte { // of HSL, saturation 0.6
		k := math.Mod(n+hue/30, 12)
		return byte(255*(light-0.6*min(light, 1-light)*max(-1, min(k-3, 9-k, 1))) + 0.5)
	}
	return color.RGBA{part(0), part(8), part(4), 0xff}
}

// picture decodes an address that holds one.
func picture(uri string) (image.Image, error) {
	_, text, _ := strings.Cut(uri, ";base64,")
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	return m, err
}

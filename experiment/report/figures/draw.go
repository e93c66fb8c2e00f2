package figures

import (
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"selfsup/experiment/report/page"
)

// curve is a curve of some runs: which of a series' columns.
type curve struct{ kind, name string }

// curvesOf lists the curves of all runs, each once.
func curvesOf(p *page.Page) (all []curve) {
	for _, kind := range []string{"training", "evaluation"} {
		for _, r := range p.Runs {
			for _, s := range r.Lines {
				for _, name := range s.Names {
					if c := (curve{kind, name}); s.Kind == kind && !slices.Contains(all, c) {
						all = append(all, c)
					}
				}
			}
		}
	}
	return all
}

// linesOf are a curve's lines, a run each, over steps, epochs or seconds.
func (c curve) linesOf(p *page.Page, axis func(page.Series) page.Numbers) (lines []line) {
	for i, r := range p.Runs {
		for _, s := range r.Lines {
			if k := slices.Index(s.Names, c.name); s.Kind == c.kind && k >= 0 {
				lines = append(lines, line{name: r.Name, x: axis(s), y: s.Values[k], colour: colourOf(i)})
			}
		}
	}
	return lines
}

func (c curve) isAccuracy() bool {
	return strings.HasSuffix(c.name, "top1") || strings.HasSuffix(c.name, "accuracy")
}

func steps(s page.Series) page.Numbers   { return s.Step }
func epochs(s page.Series) page.Numbers  { return s.Epoch }
func seconds(s page.Series) page.Numbers { return s.Seconds }

// curves are drawn by step, a figure each.
func (w *writer) curves(p *page.Page) error {
	for _, c := range curvesOf(p) {
		name := "curve-" + c.name
		if c.kind == "evaluation" && slices.Contains(curvesOf(p), curve{"training", c.name}) {
			name += "-evaluated"
		}
		lines := c.linesOf(p, steps)
		if len(p.Runs) == 1 {
			lines[0].name = ""
		}
		if err := w.lines(name, "step", c.name, lines, false, c.kind == "evaluation"); err != nil {
			return err
		}
	}
	return nil
}

// accuracies are drawn by epoch, all probes of a run in one figure, and by time, all runs in one.
func (w *writer) accuracies(p *page.Page) error {
	for i, r := range p.Runs {
		var lines []line
		one := &page.Page{Runs: p.Runs[i : i+1]}
		for _, c := range curvesOf(one) {
			if !c.isAccuracy() {
				continue
			}
			for _, l := range c.linesOf(one, epochs) {
				l.name, l.colour = c.name, colourOf(len(lines))
				lines = append(lines, l)
			}
		}
		if err := w.lines("probes-"+r.Name, "epoch", "accuracy", lines, false, true); err != nil {
			return err
		}
	}
	for _, c := range curvesOf(p) {
		if !c.isAccuracy() || c.kind != "evaluation" {
			continue
		}
		lines := c.linesOf(p, seconds)
		if err := w.lines("time-"+c.name, "seconds of training", c.name, lines, false, true); err != nil {
			return err
		}
	}
	return nil
}

// spectra are drawn over the number of the eigenvalue, logarithmically.
func (w *writer) spectra(p *page.Page) error {
	for _, r := range p.Runs {
		if r.Pictures == nil {
			continue
		}
		var lines []line
		for i, s := range r.Spectra {
			l := line{name: s.Name, y: s.Values, colour: colourOf(i), dashed: s.Dashed}
			for k := range s.Values {
				l.x = append(l.x, float64(k+1))
			}
			lines = append(lines, l)
		}
		err := w.lines("spectra-"+r.Name, "direction", "eigenvalue, of the largest", lines, true, false)
		if err != nil {
			return err
		}
	}
	return nil
}

// layers are bars beside each other, of nearest neighbours and of linear probes.
func (w *writer) layers(p *page.Page) error {
	for _, r := range p.Runs {
		if r.Pictures == nil || len(r.Depths) == 0 || r.Depths[0].KNN == nil {
			continue
		}
		var names []string
		var knn, linear plotter.Values
		for _, d := range r.Depths {
			names = append(names, d.Name)
			knn, linear = append(knn, float64(*d.KNN)), append(linear, float64(*d.Linear))
		}
		f := plot.New()
		f.Y.Label.Text, f.Y.Min, f.Y.Max = "accuracy", 0, 1
		const bar = vg.Length(10)
		for i, v := range []plotter.Values{knn, linear} {
			b, err := plotter.NewBarChart(v, bar)
			if err != nil {
				return err
			}
			b.Color, b.LineStyle.Width, b.Offset = colourOf(i), 0, (vg.Length(i)-0.5)*bar
			f.Add(b)
			f.Legend.Add([]string{"nearest neighbours", "linear probe"}[i], b)
		}
		f.Legend.Top, f.Legend.Left = true, true
		f.NominalX(names...)
		f.X.Tick.Label.Rotation, f.X.Tick.Label.XAlign, f.X.Tick.Label.YAlign = math.Pi/4, draw.XRight, draw.YCenter
		if err := w.save("layers-"+r.Name, f, max(width, vg.Length(len(names))*1.3*vg.Centimeter), height); err != nil {
			return err
		}
	}
	return nil
}

// maps are points by class.
func (w *writer) maps(p *page.Page) error {
	for _, r := range p.Runs {
		if r.Pictures == nil {
			continue
		}
		for _, m := range r.Maps {
			f := plot.New()
			f.HideAxes()
			by := map[int32]plotter.XYs{}
			for i := range m.X {
				label := int32(-1)
				if r.Labels != nil {
					label = r.Labels[i]
				}
				by[label] = append(by[label], plotter.XY{X: m.X[i], Y: m.Y[i]})
			}
			for label := int32(-1); int(label) < len(r.Classes); label++ {
				if len(by[label]) == 0 {
					continue
				}
				s, err := plotter.NewScatter(by[label])
				if err != nil {
					return err
				}
				s.Shape, s.Radius, s.Color = draw.CircleGlyph{}, vg.Points(1.5), color.Gray{0x60}
				if label >= 0 {
					s.Color = colourOf(int(label))
				}
				f.Add(s)
				if label >= 0 && len(r.Classes) <= 20 {
					f.Legend.Add(r.Classes[label], s)
				}
			}
			if len(r.Classes) <= 20 { // room for the names
				f.X.Max += 0.35 * (f.X.Max - f.X.Min)
			}
			if err := w.save("map-"+m.Name+"-"+r.Name, f, width+4*vg.Centimeter, width); err != nil {
				return err
			}
		}
	}
	return nil
}

// confusions are tables whose cells are darker where there are more, as shares of the row.
func (w *writer) confusions(p *page.Page) error {
	for _, r := range p.Runs {
		if r.Pictures == nil || len(r.Classes) > 60 {
			continue
		}
		for _, c := range r.Confusions {
			n := len(c.Counts)
			f := plot.New()
			f.Title.Text = c.Name
			f.X.Label.Text, f.Y.Label.Text = "taken for", "class"
			grid := &shares{counts: c.Counts}
			heat := plotter.NewHeatMap(grid, blues{})
			heat.Min, heat.Max = 0, 1
			f.Add(heat)
			var across, down []plot.Tick
			for i, name := range r.Classes {
				across = append(across, plot.Tick{Value: float64(i), Label: name})
				down = append(down, plot.Tick{Value: float64(n - 1 - i), Label: name})
			}
			f.X.Tick.Marker, f.Y.Tick.Marker = plot.ConstantTicks(across), plot.ConstantTicks(down)
			f.X.Tick.Label.Rotation, f.X.Tick.Label.XAlign, f.X.Tick.Label.YAlign = math.Pi/4, draw.XRight, draw.YCenter
			kind, _, _ := strings.Cut(c.Name, ",")
			if err := w.save("confusion-"+kind+"-"+r.Name, f, 14*vg.Centimeter, 14*vg.Centimeter); err != nil {
				return err
			}
		}
	}
	return nil
}

// shares are counts as shares of their row; the first class is on top.
type shares struct{ counts [][]int }

func (s *shares) Dims() (c, r int) { return len(s.counts), len(s.counts) }
func (s *shares) X(c int) float64  { return float64(c) }
func (s *shares) Y(r int) float64  { return float64(r) }
func (s *shares) Z(c, r int) float64 {
	row, sum := s.counts[len(s.counts)-1-r], 0
	for _, n := range row {
		sum += n
	}
	return float64(row[c]) / float64(max(sum, 1))
}

// blues go from white to dark blue.
type blues struct{}

func (blues) Colors() (list []color.Color) {
	for i := range 64 {
		t := float64(i) / 63
		list = append(list, color.RGBA{byte(255 - 224*t), byte(255 - 180*t), byte(255 - 90*t), 0xff})
	}
	return list
}

// pictures are what is drawn of pixels: sheets, and the gallery of neighbours. They are PNG alone.
func (w *writer) pictures(p *page.Page) error {
	for _, r := range p.Runs {
		if r.Pictures == nil {
			continue
		}
		all := map[string]string{}
		var names []string
		for _, s := range r.Sheets {
			names, all[s.Title] = append(names, s.Title), s.Data
		}
		if r.Gallery != nil {
			names, all["neighbours"] = append(names, "neighbours"), r.Gallery.Data
		}
		for _, name := range names {
			m, err := picture(all[name])
			if err != nil {
				return fmt.Errorf("%s of %s: %w", name, r.Name, err)
			}
			if err := w.put("picture-"+name+"-"+r.Name, ".png", func(to io.Writer) error {
				return png.Encode(to, m)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

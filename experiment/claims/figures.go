package claims

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var page = template.Must(template.New("claims").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Claims of the Cookbook</title>
<style>body{font-family:sans-serif;max-width:70em;margin:2em auto}figure{display:inline-block;margin:1em;width:22em}
figcaption{font-size:.9em}.holds{color:#17692f}.not{color:#a11}</style></head><body>
<h1>Claims of the Cookbook</h1>
<p>A line joins the two arms of one seed. Verdicts are of the 95 % interval of the mean paired difference.</p>
{{range .}}<figure>{{.Picture}}<figcaption><b>{{.Section}} {{.Name}}</b>: {{.Text}} {{.Relation}}:
<b class="{{.Class}}">{{.Verdict}}</b></figcaption></figure>
{{end}}</body></html>
`))

type figure struct {
	Section, Name, Text, Relation, Class string
	Verdict                              Verdict
	Picture                              template.HTML
}

// Figures writes one page with a picture of every expectation: the measures of both arms, seed by seed.
func Figures(w io.Writer, all []*Outcome) error {
	var figures []figure
	for _, o := range all {
		for _, j := range o.Judged {
			svg, err := j.picture()
			if err != nil {
				return fmt.Errorf("claims: %s: %w", o.Name, err)
			}
			f := figure{Section: o.Section, Name: o.Name, Text: o.Claim.Claim, Verdict: j.Verdict, Picture: svg,
				Relation: fmt.Sprintf("%s, difference %+.3f (%+.3f to %+.3f)", j.measure(), j.Difference, j.Low,
					j.High)}
			switch j.Verdict {
			case Holds:
				f.Class = "holds"
			case DoesNotHold:
				f.Class = "not"
			}
			figures = append(figures, f)
		}
	}
	return page.Execute(w, figures)
}

// picture joins the measures of the two arms of every seed by a line.
func (j *Judged) picture() (template.HTML, error) {
	p := plot.New()
	p.Y.Label.Text = j.Measure
	p.NominalX(j.worse(), j.better())
	p.X.Min, p.X.Max = -0.4, 1.4
	for i := range j.A {
		line, points, err := plotter.NewLinePoints(plotter.XYs{{X: 0, Y: j.B[i]}, {X: 1, Y: j.A[i]}})
		if err != nil {
			return "", err
		}
		line.Color = color.Gray{160}
		points.Shape = draw.CircleGlyph{}
		p.Add(line, points)
	}
	canvas := vgsvg.New(7*vg.Centimeter, 5*vg.Centimeter)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", err
	}
	svg := b.Bytes()
	if at := bytes.Index(svg, []byte("<svg")); at > 0 { // an HTML page holds no XML declaration
		svg = svg[at:]
	}
	return template.HTML(svg), nil
}

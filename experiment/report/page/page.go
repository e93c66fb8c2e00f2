// Package page writes runs as one page of HTML that needs nothing else: what they were, what they came to, their
// curves, and pictures of what their encoders learned. It loads nothing, so that it opens from a disk, from a mail and
// in ten years; its scripts and styles are the files beside this one. The program that serves runs while they go on
// gives the same scripts the same data.
package page

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
)

// Page is what a page shows. What is empty is left out of it.
type Page struct {
	Title       string       `json:"title"`
	Runs        []Run        `json:"runs"`
	Differences *Differences `json:"differences,omitempty"` // nil: there are none, or nobody compared
	Comparisons []Comparison `json:"comparisons,omitempty"` // of several runs that are done
	Remarks     []string     `json:"remarks,omitempty"`     // what was left out, and why
	Live        string       `json:"live,omitempty"`        // where the page asks for news; empty: it is a file
}

// Run is a run of a page.
type Run struct {
	Name  string `json:"name"`  // of its folder
	State string `json:"state"` // as run.json says
	Step  int    `json:"step"`  // at the newest checkpoint
	Steps int    `json:"steps"`
	About string `json:"about"` // method, backbone, data
	// lines about the run: what chose its checkpoint, where it ran, what was changed
	Facts    []string `json:"facts,omitempty"`
	Warnings []string `json:"warnings,omitempty"` // of collapses, and the error that ended it
	Results  []Result `json:"results,omitempty"`
	Lines    []Series `json:"lines,omitempty"` // curves: of the training, and of evaluations during it
	*Pictures
}

// Result is a number that an evaluation of a run came to.
type Result struct {
	Label          string      `json:"label"` // knn k=20 top1
	Representation string      `json:"of"`    // trained, untrained ...
	Value          Number      `json:"value"`
	Interval       *[2]float64 `json:"interval,omitempty"` // 95 %
	Deviation      float64     `json:"deviation,omitempty"`
	Notes          []string    `json:"notes,omitempty"`
}

// Series is numbers that were measured together, step by step.
type Series struct {
	Kind    string   `json:"kind"` // training or evaluation
	Step    Numbers  `json:"step"`
	Epoch   Numbers  `json:"epoch"`
	Seconds Numbers  `json:"seconds"` // of the training loop, its evaluations left out
	Names   []string `json:"names"`
	Values  Columns  `json:"values"`          // one a name, each as long as Step; NaN where nothing was measured
	Every   int      `json:"every,omitempty"` // measurements that a value is the mean of; 0 and 1: it is one
}

// Differences is the settings in which runs differ or, of one run, those that somebody wrote.
type Differences struct {
	Keys   []string   `json:"keys"`
	Values [][]string `json:"values"`  // by key and run; empty: the run does not have the setting
	Origin [][]string `json:"origins"` // of the values: quickstart.toml:10, --set, default
}

// Comparison is one measure of several recipes over their seeds.
type Comparison struct {
	Measure string          `json:"measure"`
	Base    string          `json:"base"` // that the others are compared with
	Lower   bool            `json:"lower,omitempty"`
	Rows    []ComparisonRow `json:"rows"`
}

// ComparisonRow is a recipe of a Comparison.
type ComparisonRow struct {
	Name       string      `json:"name"`
	Seeds      int         `json:"seeds"`
	Mean       Number      `json:"mean"`
	Deviation  *float64    `json:"deviation,omitempty"`
	Difference *Number     `json:"difference,omitempty"` // from the base
	Interval   *[2]float64 `json:"interval,omitempty"`   // 95 %, of the difference
	Of         string      `json:"of,omitempty"`         // what the interval is over
	Verdict    string      `json:"verdict,omitempty"`
}

// Number is a number in JSON with six significant digits, null where it is none.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) { return appendNumber(nil, float64(n), 6), nil }

// Numbers is a list of them with five significant digits, which no curve shows more of.
type Numbers []float64

// MarshalJSON implements json.Marshaler.
func (v Numbers) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		digits := 5
		if x == math.Trunc(x) {
			digits = -1
		}
		b = appendNumber(b, x, digits)
	}
	return append(b, ']'), nil
}

// Columns is lists of numbers.
type Columns []Numbers

func appendNumber(b []byte, x float64, digits int) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, x, 'g', digits, 64)
}

//go:embed page.css
var style string

//go:embed uPlot.iife.min.js
var uPlot string

//go:embed uPlot.min.css
var uPlotStyle string

//go:embed uPlot.LICENSE
var uPlotLicence string

//go:embed dom.js
var dom string

//go:embed curves.js
var curves string

//go:embed tables.js
var tables string

//go:embed layers.js
var layers string

//go:embed maps.js
var maps string

//go:embed main.js
var start string

// Policy is what a browser may do for a page: run what is in it, and load nothing.
const Policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"

var whole = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}">
<title>{{.Title}}</title>
<style>
{{.Style}}</style></head>
<body><main id="page"><h1>{{.Title}}</h1><noscript>This page draws with scripts, which are off.</noscript></main>
<script type="application/json" id="data">{{.Data}}</script>
{{range .Scripts}}<script>
{{.}}</script>
{{end}}</body></html>
`))

// Write writes the page as one file.
func Write(w io.Writer, p *Page) error { return write(w, p, Policy) }

// WriteLive writes the page for a program that serves it, which it may ask for news.
func WriteLive(w io.Writer, p *Page) error { return write(w, p, Policy+"; connect-src 'self'") }

func write(w io.Writer, p *Page, policy string) error {
	data, err := json.Marshal(p) // which writes < as an escape, so that nothing in it ends the script
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	licence := "/* uPlot 1.6.32\n" + uPlotLicence + "*/\n"
	var scripts []template.JS
	for _, s := range []string{licence + uPlot, dom, curves, tables, layers, maps, start} {
		scripts = append(scripts, template.JS(s))
	}
	return whole.Execute(w, map[string]any{
		"Policy": policy, "Title": p.Title, "Style": template.CSS(uPlotStyle + "\n" + style),
		"Data": template.JS(strings.ToValidUTF8(string(data), "?")), "Scripts": scripts,
	})
}

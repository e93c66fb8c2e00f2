package evaluations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/heads"
	"selfsup/setting"
)

// OpenVocabulary is how well a detector finds objects of classes that it was never shown a box of. A detector without
// classes is trained on the boxes of the other classes, over a copy of the image tower of a method with two towers
// (CLIP); then each box that it finds is cut out of its image, shown to the frozen image tower, and compared with the
// texts of all classes. A box's score for a class is that it holds an object times the softmax of its similarities.
// Average precision (ap, ap50) is over the withheld classes; base_ap50 over the others.
//
// chance_ap50 is ap50 with every text standing for another class, the mean over all ways to shift the list of texts:
// what the boxes alone are worth.
//
// Gu et al. 2022, ViLD, arXiv:2104.13921, section 3.2 (its baseline with cropped regions); boxes are widened, as its
// crops of 1.5 times the size. Captions of images may name withheld classes, as in that setting: no box ever does.
type OpenVocabulary struct {
	AtEnd
	heads.Detector
	BoxTuning
	Withheld    []string `toml:"withheld"`    // classes whose boxes the detector is not shown
	Template    string   `toml:"template"`    // of a text of a class's name, which stands for {}
	Temperature float64  `toml:"temperature"` // of the softmax of cosines
	Regions     int      `toml:"regions"`     // boxes of an image that are looked at: those of the highest scores
	Widen       float64  `toml:"widen"`       // side of what is cut out, over the larger side of its box
}

// DefaultOpenVocabulary withholds nothing yet, which is no setting that works.
func DefaultOpenVocabulary() *OpenVocabulary {
	d := DefaultDetection()
	return &OpenVocabulary{Detector: d.Detector, BoxTuning: d.BoxTuning, Template: "a {}", Temperature: 0.07,
		Regions: 8,
		Widen:   1.2}
}

// Validate checks the settings.
func (p *OpenVocabulary) Validate() error {
	bad := []error{p.Detector.Check(), p.BoxTuning.check(), setting.Positive("temperature", p.Temperature),
		setting.Least("regions", p.Regions, 1), setting.Within("widen", p.Widen, 1, 4)}
	if len(p.Withheld) == 0 {
		bad = append(bad, setting.Bad("withheld",
			"[]: want the names of classes whose boxes the detector is not shown"))
	}
	if !strings.Contains(p.Template, "{}") {
		bad = append(bad, setting.Bad("template", "%q: want a text with {} where the name stands, such as \"a {}\"",
			p.Template))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *OpenVocabulary) Needs() Needs {
	t := p.BoxTuning
	t.Net, t.Withheld, t.Agnostic = &p.Detector, p.Withheld, true
	return Needs{Boxes: &t, Pairs: true}
}

// Evaluate returns the average precisions.
func (p *OpenVocabulary) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if f.Detect == nil || f.Pairs == nil || f.Regions == nil {
		return nil, errors.New("evaluate: open_vocabulary: no images with boxes and captions")
	}
	d, err := f.Detect(ctx)
	if err == nil {
		err = d.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate: open_vocabulary: %w", err)
	}
	var texts []string
	var novel, base []int
	for c, name := range d.Classes {
		texts = append(texts, strings.ReplaceAll(p.Template, "{}", name))
		if slices.Contains(p.Withheld, name) {
			novel = append(novel, c)
		} else {
			base = append(base, c)
		}
	}
	if len(base) == 0 {
		return nil, errors.New("evaluate: open_vocabulary: all classes are withheld; want a class that is not")
	}
	boxes := make([][]datasets.Box, len(d.Found))
	for i := range d.Found {
		slices.SortStableFunc(d.Found[i], func(a, b Found) int { return cmp.Compare(b.Score, a.Score) })
		d.Found[i] = d.Found[i][:min(len(d.Found[i]), p.Regions)]
		for _, b := range d.Found[i] {
			boxes[i] = append(boxes[i], b.Box)
		}
	}
	words, err := f.Pairs.Texts(ctx, texts)
	if err != nil {
		return nil, err
	}
	regions, err := f.Regions(ctx, boxes, p.Widen)
	if err != nil {
		return nil, err
	}
	named := p.named(d, UnitRows[float32](regions, f.Pairs.Dim), UnitRows[float32](words, f.Pairs.Dim), f.Pairs.Dim)
	settings := p.BoxTuning.settings(d)
	settings["withheld"], settings["template"], settings["temperature"] = p.Withheld, p.Template, p.Temperature
	out, err := named(0).results("open_vocabulary", settings, novel)
	if err != nil {
		return nil, err
	}
	known, err := named(0).results("open_vocabulary", settings, base)
	if err != nil {
		return nil, err
	}
	var chance float64
	for shift := 1; shift < len(d.Classes); shift++ {
		rs, err := named(shift).results("open_vocabulary", settings, novel)
		if err != nil {
			return nil, err
		}
		chance += rs[1].Value / float64(len(d.Classes)-1)
	}
	known[1].Metric = "base_ap50"
	return append(out, known[1], Result{Protocol: "open_vocabulary", Metric: "chance_ap50", Value: chance,
		Settings: settings}), nil
}

// named are the boxes found with a class for each text, of regions and words of unit length. shift has class c stand
// for the text of class c+shift.
func (p *OpenVocabulary) named(d *Detected, regions, words []float32, dim int) func(shift int) *Detected {
	classes := len(d.Classes)
	var shares [][]float64 // [regions][C]
	for at := 0; at < len(regions); at += dim {
		row, sum := make([]float64, classes), 0.0
		for c := range row {
			var cosine float64
			for k, v := range regions[at : at+dim] {
				cosine += float64(v) * float64(words[c*dim+k])
			}
			row[c] = math.Exp((cosine - 1) / p.Temperature)
			sum += row[c]
		}
		for c := range row {
			row[c] /= sum
		}
		shares = append(shares, row)
	}
	return func(shift int) *Detected {
		out := &Detected{Truth: d.Truth, Classes: d.Classes, Images: d.Images, Lent: d.Lent,
			Found: make([][]Found, len(d.Found))}
		n := 0
		for i, all := range d.Found {
			for _, b := range all {
				for c := range classes {
					named := b
					named.Class, named.Score = c, b.Score*shares[n][(c+shift)%classes]
					out.Found[i] = append(out.Found[i], named)
				}
				n++
			}
		}
		return out
	}
}

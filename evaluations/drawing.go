package evaluations

import (
	"context"
	"errors"

	"selfsup/setting"
)

// Drawing is how well images that a method draws of captions say what they were drawn of: a judge, the run of a method
// with two towers (CLIP), looks for the caption of each drawn image among all that were drawn, by the cosine.
//
//	caption R@1   share of drawn images whose own caption is the nearest
//	caption R@5   share of those whose own is among the five nearest
//	image R@1     share of captions whose own drawn image is the nearest
//	mean_rank     mean of the own captions' ranks, the first is 1
//	chance R@1    1 / captions, and so with R@5: what images that say nothing have
//	own R@1       caption R@1 of the test images that the captions are of: what the judge can tell at all
//
// Captions are the first ones of test images, each once, none of which any training image has. The untrained method
// beside it draws with the same lenders. Retrieval by CLIP is R-precision of Park et al. 2021, NeurIPS datasets,
// Benchmark for compositional text-to-image synthesis; Chang et al. 2023, Muse, arXiv:2301.00704, section 3.2, reports
// CLIP's score of the pair. A judge that did not lend its tower of texts to the method is of another seed, so that both
// do not err alike.
type Drawing struct {
	AtEnd
	Judge    string `toml:"judge"`    // folder of the run that judges
	Captions int    `toml:"captions"` // that are drawn, at most, in the test images' order
}

// DefaultDrawing names no judge yet, which is no setting that works.
func DefaultDrawing() *Drawing { return &Drawing{Captions: 200} }

// Validate checks the settings.
func (p *Drawing) Validate() error {
	bad := []error{setting.Least("captions", p.Captions, 2)}
	if p.Judge == "" {
		bad = append(bad, setting.Bad("judge", "names no run; want the folder of a finished one of [method.clip]"))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Drawing) Needs() Needs { return Needs{Judge: p.Judge, Captions: p.Captions} }

// Judged is captions, images that were drawn of them and the test images that they are of, as a judge's two towers see
// them: [N,Dim], of any length.
type Judged struct {
	Texts, Drawn, Own []float32
	Dim               int
}

// Evaluate returns the retrieval.
func (p *Drawing) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	j := f.Judged
	if j == nil || j.Dim < 1 || len(j.Texts) < 2*j.Dim || len(j.Texts)%j.Dim != 0 || len(j.Drawn) != len(j.Texts) ||
		len(j.Own) != len(j.Texts) {
		return nil, errors.New("evaluate: drawing: want two captions or more, and of each an image that was drawn " +
			"and its own")
	}
	n := len(j.Texts) / j.Dim
	f.Pairs = &Pairs{Dim: j.Dim}
	texts, drawn := UnitRows[float32](j.Texts, j.Dim), UnitRows[float32](j.Drawn, j.Dim)
	own := func(i int) int32 { return int32(i) }
	settings := map[string]any{"captions": n, "judge": p.Judge}
	result := func(metric string, ranks []int, first int) Result {
		return Result{Protocol: "drawing", Metric: metric, Value: topK(ranks, first), Settings: settings,
			Accuracy: true, Images: n}
	}
	toText, err := f.ranks(ctx, drawn, texts, own)
	if err != nil {
		return nil, err
	}
	toImage, err := f.ranks(ctx, texts, drawn, own)
	if err != nil {
		return nil, err
	}
	real, err := f.ranks(ctx, UnitRows[float32](j.Own, j.Dim), texts, own)
	if err != nil {
		return nil, err
	}
	sum := 0
	for _, r := range toText {
		sum += r + 1
	}
	plain := func(metric string, v float64, lower bool) Result {
		return Result{Protocol: "drawing", Metric: metric, Value: v, Lower: lower, Settings: settings}
	}
	return []Result{result("caption R@1", toText, 1), result("caption R@5", toText, 5), result("image R@1", toImage, 1),
		plain("mean_rank", float64(sum)/float64(n), true), plain("chance R@1", 1/float64(n), false),
		plain("chance R@5", min(5/float64(n), 1), false), result("own R@1", real, 1)}, nil
}

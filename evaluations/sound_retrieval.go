package evaluations

import (
	"context"
	"errors"
	"fmt"
)

// SoundRetrieval is how often a test clip is found by its sound among all test clips, and a sound by its clip, by the
// cosine of what a method's two towers make of them: the share of those whose own is the nearest (clip R@1, sound R@1),
// and among the nearest 5 and 10. chance is that of a guess for R@1. It needs no labels. Arandjelovic and Zisserman
// 2018, arXiv:1712.06651, section 4, look for sounds and images by each other so, by classes.
type SoundRetrieval struct{ AtEnd }

// DefaultSoundRetrieval has no settings.
func DefaultSoundRetrieval() *SoundRetrieval { return &SoundRetrieval{} }

// Validate checks the settings, of which there are none.
func (p *SoundRetrieval) Validate() error { return nil }

// Needs implements Protocol.
func (p *SoundRetrieval) Needs() Needs { return Needs{Heard: true} }

// Heard is clips and their sounds as two towers have them, in one space: [M,Dim] each, of any length.
type Heard struct {
	Clips, Sounds []float32
	Dim           int
}

// Evaluate returns the retrieval.
func (p *SoundRetrieval) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	h := f.Heard
	if h == nil || h.Dim < 1 || len(h.Clips) < 2*h.Dim || len(h.Clips)%h.Dim != 0 || len(h.Sounds) != len(h.Clips) {
		return nil, errors.New("evaluate: sound_retrieval: want two clips or more with a sound each")
	}
	n := len(h.Clips) / h.Dim
	f.Pairs = &Pairs{Dim: h.Dim}
	clips, sounds := UnitRows[float32](h.Clips, h.Dim), UnitRows[float32](h.Sounds, h.Dim)
	settings := map[string]any{"clips": n}
	var out []Result
	for _, way := range []struct {
		what     string
		from, to []float32
	}{{"sound", clips, sounds}, {"clip", sounds, clips}} {
		ranks, err := f.ranks(ctx, way.from, way.to, func(i int) int32 { return int32(i) })
		if err != nil {
			return nil, fmt.Errorf("evaluate: sound_retrieval: %w", err)
		}
		for _, k := range []int{1, 5, 10} {
			if k == 1 || k < n {
				out = append(out, Result{Protocol: "sound_retrieval", Metric: fmt.Sprintf("%s R@%d", way.what, k),
					Value: topK(ranks, k), Settings: settings, Accuracy: true, Hits: hits(ranks, k)})
			}
		}
	}
	return append(out, Result{Protocol: "sound_retrieval", Metric: "chance", Value: 1 / float64(n),
		Settings: settings}), nil
}

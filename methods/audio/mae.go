package audio

import (
	"math"

	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/masked"
	"selfsup/setting"
)

// MAE hides most patches of a spectrogram, encodes the others, and has a small decoder paint the hidden ones.
//
// Huang et al., NeurIPS 2022, AudioMAE, arXiv:2207.06405, section 3: patches hidden at random, or all of some frames,
// of some bands, or of both. The decoder attends to all patches, the paper's ablation of table 1c, where its best
// attends within local windows.
type MAE struct {
	masked.MAE
	// random: any patches | time: columns of all bands | frequency: rows of all times | both
	Masking string `toml:"masking"`
}

// Values of Masking.
const (
	anyPatches = "random"
	inTime     = "time"
	inBands    = "frequency"
	inBoth     = "both"
)

// DefaultMAE has the paper's settings.
func DefaultMAE() *MAE {
	m := &MAE{MAE: *masked.DefaultMAE(), Masking: anyPatches}
	m.Mask, m.DecoderDepth = 0.8, 16
	return m
}

// Validate implements methods.Method.
func (m *MAE) Validate() error {
	switch m.Masking {
	case anyPatches, inTime, inBands, inBoth:
		return m.MAE.Validate()
	}
	return setting.Bad("masking", "%q: want %q, %q, %q or %q", m.Masking, anyPatches, inTime, inBands, inBoth)
}

// Build implements methods.Method. The features are those of the visible patches.
func (m *MAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if f := b.Of("view0"); f.Int || len(f.Shape) != 3 {
		b.Unfit("the data have %v: this method hides patches of spectrograms; want bands in [windows.spectrogram]", f)
	}
	x, e := b.View(0), methods.Patches(s, enc, b)
	kind, visible := m.kind(methods.GridOf(e))
	hidden := methods.HiddenPatches(b, kind, e)
	exact := m.MAE
	exact.Mask = 1 - (float64(visible)+0.5)/float64(e.Rows*e.Columns) // as many as are
	r := exact.Reconstruct(s, e, x, hidden)
	features := e.Pool(r.Latent)
	target := masked.PatchTarget(x, e.Patch, m.NormalizePixels)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "reconstruction", Weight: 1, Value: losses.PatchMSE(r.Painted, target,
			r.Hidden)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// kind is the masks on a grid of patches, time down the rows, and how many patches stay.
func (m *MAE) kind(g masks.Grid) (kind masks.Kind, visible int) {
	var lines *masks.Lines
	switch m.Masking {
	case anyPatches:
		k := &masks.Random{Ratio: m.Mask}
		visible = int(float64(g.Tokens()) * (1 - m.Mask))
		kind = k
	case inTime:
		lines = &masks.Lines{Time: m.Mask}
	case inBands:
		lines = &masks.Lines{Frequency: m.Mask}
	default: // as many rows as columns, which cross
		each := 1 - math.Sqrt(1-m.Mask)
		lines = &masks.Lines{Time: each, Frequency: each}
	}
	if lines != nil {
		kind, visible = lines, lines.Visible(g)
	}
	if visible < 1 || visible >= g.Tokens() {
		op.Fail("", "mask = %v leaves %d of %s patches to see; there must be patches of both kinds", m.Mask, visible, g)
	}
	return kind, visible
}

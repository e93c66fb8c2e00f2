package tabular

import (
	"cmp"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// ContrastRestore combines the two families of methods for rows: a row recognises its corrupted copy among the batch,
// as SCARF, and from the copy's features the row is told, as a denoising autoencoder does.
//
//	loss = contrast InfoNCE(z(x), z(x~)) + restore mean over entries error(told(x~), x)
//
// The Cookbook (section 4.1) says that contrast with reconstruction is best on tables, for which SubTab (Ucar et al.
// 2021, arXiv:2110.04361) and SAINT (Somepalli et al. 2021, arXiv:2106.01342) stand; this is the same combination on
// SCARF's corruption (Bahri et al. 2022, arXiv:2106.15147). Each weight may be 0, which leaves the other part alone.
type ContrastRestore struct {
	Corrupt     float64 `toml:"corrupt"`     // share of a row's columns
	Contrast    float64 `toml:"contrast"`    // weight of the contrast
	Restore     float64 `toml:"restore"`     // weight of the entries' error
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Hidden      []int   `toml:"hidden"`      // widths of the decoder's layers before its last; [] is none
}

// DefaultContrastRestore has both parts with one weight.
func DefaultContrastRestore() *ContrastRestore {
	return &ContrastRestore{Corrupt: 0.3, Contrast: 1, Restore: 1, Projector: []int{256, 256}, Temperature: 0.1,
		Hidden: []int{256}}
}

// Validate implements methods.Method.
func (m *ContrastRestore) Validate() error {
	if m.Contrast == 0 && m.Restore == 0 {
		return setting.Bad("contrast", "0, and restore is 0 too: want a weight above 0 for one of them")
	}
	return cmp.Or(checkShare("corrupt", m.Corrupt), setting.Weight("contrast", m.Contrast),
		setting.Weight("restore", m.Restore), setting.Positive("temperature", m.Temperature),
		heads.CheckWidths("projector", m.Projector), heads.CheckHidden("hidden", m.Hidden))
}

// Build implements methods.Method.
func (m *ContrastRestore) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x, n := tableOf(b), b.View(0), b.Size()
	corrupted := Replace(x, b.Field(feed.Marginal(0)), t.spread(t.choose(b, "corrupt", m.Corrupt)))
	h := enc.New(s)(op.Concat(0, x, corrupted)) // [2B,F]
	o := methods.Objective{Features: op.Slice(h, 0, 0, n)}
	if m.Contrast > 0 {
		z := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(h)
		o.Terms = append(o.Terms, methods.Term{Name: "contrast", Weight: m.Contrast,
			Value: losses.InfoNCE(s, op.Slice(z, 0, 0, n), op.Slice(z, 0, n, 2*n), nil, m.Temperature)})
		o.Metrics = []methods.Metric{{Name: "spread", Value: losses.Spread(z)}}
	}
	if m.Restore > 0 {
		told := t.head(s.In("decoder"), enc.Dim, m.Hidden)(op.Slice(h, 0, n, 2*n))
		o.Terms = append(o.Terms, methods.Term{Name: "entries", Weight: m.Restore,
			Value: op.MeanAll(t.errors(s, told, x))})
	}
	return o
}

package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Comparing is what the Cookbook asks of SimCLR beside the paper's settings (arXiv:2304.12210, sections 3.4 and 3.5).
// The zero value is the paper's.
type Comparing struct {
	// the temperature at the end, along half a cosine; 0: it does not change
	FinalTemperature float64 `toml:"final_temperature"`
	Apart            bool    `toml:"apart"` // each view is a batch of its own for batch norm
	// of a teacher that is a projector on the same features, whose embeddings the views are compared with (Pham et al.,
	// ECCV 2022, arXiv:2208.05744); 0: there is no teacher
	ProjectorMomentum float64 `toml:"projector_momentum"`
}

// check says what is wrong with the settings.
func (c Comparing) check(projector []int) error {
	var bad []error
	if !(c.FinalTemperature >= 0) {
		bad = append(bad, setting.Bad("final_temperature", "%v: want a number above 0, or 0: as temperature",
			c.FinalTemperature))
	}
	bad = append(bad, setting.Within("projector_momentum", c.ProjectorMomentum, 0, 1))
	if c.ProjectorMomentum > 0 && len(projector) == 0 {
		bad = append(bad, setting.Bad("projector_momentum", "%v: there is no projector that a teacher could follow; "+
			"want 0", c.ProjectorMomentum))
	}
	return errors.Join(bad...)
}

// embed is the features [VB,F] and the embeddings [VB,D] of V views [B,...] of one size.
func (c Comparing) embed(encode, project layer.Func, views []*graph.Node) (h, z *graph.Node) {
	if !c.Apart {
		h = encode(op.Concat(0, views...))
		return h, project(h)
	}
	var hs, zs []*graph.Node
	for _, x := range views {
		hs = append(hs, encode(x))
		zs = append(zs, project(hs[len(hs)-1]))
	}
	return op.Concat(0, hs...), op.Concat(0, zs...)
}

// keys is what features h [VB,F] of each size of view are compared with; nil: with each other.
func (c Comparing) keys(s *graph.Scope, enc methods.Encoder, widths []int, h []*graph.Node) (k []*graph.Node) {
	if c.ProjectorMomentum == 0 {
		return nil
	}
	teacher := s.Twin("teacher", s.Constant(c.ProjectorMomentum))
	project := enc.Projector.MLP(teacher.In("projector"), enc.Dim, widths...)
	for _, x := range h {
		k = append(k, op.StopGradient(project(op.StopGradient(x)))) // [VB,D]
	}
	return k
}

// loss is NT-Xent at the temperature of the step of embeddings z [2B,D], compared with keys k [2B,D]; nil: with
// themselves.
func (c Comparing) loss(s *graph.Scope, z, k *graph.Node, temperature float64) *graph.Node {
	if c.FinalTemperature == 0 && k == nil {
		return losses.NTXent(s, z, temperature)
	}
	last := c.FinalTemperature
	if last == 0 {
		last = temperature
	}
	return losses.NTXentAt(s, z, k, s.Scheduled("temperature", graph.CosineRamp(temperature, last)))
}

// pairs is the mean loss of the pairs of views of b samples, whose embeddings and keys come by size, [VB,D].
func (c Comparing) pairs(s *graph.Scope, z, k []*graph.Node, b int, temperature float64) *graph.Node {
	if len(z) == 1 && op.ShapeOf(z[0])[0] == 2*b {
		if k == nil {
			return c.loss(s, z[0], nil, temperature)
		}
		return c.loss(s, z[0], k[0], temperature)
	}
	views, large := methods.SplitViews(z, b)
	keys, _ := methods.SplitViews(k, b)
	var terms []*graph.Node
	for _, p := range methods.Pairs(large, len(views)) {
		both := func(x []*graph.Node) *graph.Node {
			if x == nil {
				return nil
			}
			return op.Concat(0, x[p[0]], x[p[1]])
		}
		terms = append(terms, c.loss(s, both(views), both(keys), temperature))
	}
	return losses.Mean(terms)
}

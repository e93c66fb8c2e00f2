package experiment

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/captioned"
	"selfsup/datasets/windows"
	"selfsup/encoder"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// encoder is the recipe's backbone as methods see it.
func (s *Setup) encoder() methods.Encoder {
	b, table, in := s.Recipe.Backbone.Value, "backbone."+s.Recipe.Backbone.Name, backbones.InputOf(s.Input)
	enc := methods.EncoderOf(b, s.Input)
	projector := s.Recipe.Projector.Projector // which remembers what the method asks it for
	enc.Projector = &projector
	enc.New = func(at *graph.Scope) layer.Func { return at.Cut(checkedEncoder(table, b, at.In(methods.Backbone), in)) }
	if t, ok := b.(backbones.Tokens); ok {
		enc.Tokens = func(at *graph.Scope) *backbones.TokenEncoder {
			return checkedTokens(table, t, at.In(methods.Backbone), in)
		}
	}
	return enc
}

// EmbedBatch is how many samples go through the frozen encoder at once.
const EmbedBatch = 256

// encoderPlace is where the graph has the encoder that is evaluated and exported.
type encoderPlace struct {
	scope   string // "": backbone
	student string // whose teacher it is; "": it is none
}

// encoderScope is where the encoder that is evaluated and exported keeps its parameters.
func (s *Setup) encoderScope() string { return encoder.Frozen{Scope: s.encodedAt.scope}.Path() }

// LastOfMethod is the number of the last node of the training step that the method made: the gradients, the optimizer
// and the teachers' updates come behind it.
func (s *Setup) LastOfMethod() int64 { return s.last }

// IsTeacher reports whether the training step keeps a teacher's parameters in a scope.
func (s *Setup) IsTeacher(scope string) bool {
	_, ok := s.trained.StudentOf(scope)
	return ok
}

// belowBackbone is the name of an encoder's entry without the scope of the encoder, wherever that is.
func belowBackbone(name string) string {
	if at := strings.Index("/"+name, "/"+methods.Backbone+"/"); at >= 0 {
		return name[at+len(methods.Backbone)+1:]
	}
	return name
}

// FeaturesOutput names the output of the frozen encoder: the features.
const FeaturesOutput = encoder.Output

// EmbedGraph is the frozen encoder for EmbedBatch samples.
func (s *Setup) EmbedGraph() (*graph.Graph, error) { return s.frozenGraph(EmbedBatch) }

// projectedGraph is the frozen encoder with the first n layers of the method's projector behind it.
func (s *Setup) projectedGraph(n int) (*graph.Graph, error) {
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		h := s.encoder().New(s.aboveEncoder(g))(encoder.InputOf(g, s.Input, EmbedBatch))
		path, _ := s.projector.Asked()
		g.Output(FeaturesOutput, s.projector.First(encoder.ScopeAt(g, path), n)(h))
	})
}

// partGraph is the frozen encoder with some of its features.
func (s *Setup) partGraph(part methods.Part) (*graph.Graph, error) {
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		h := s.encoder().New(s.aboveEncoder(g))(encoder.InputOf(g, s.Input, EmbedBatch))
		g.Output(FeaturesOutput, op.Slice(h, 1, part.From, part.To))
	})
}

// checkProjected refuses layers of the projector that cannot be evaluated.
func (s *Setup) checkProjected() error {
	r := s.Recipe
	bad := func(format string, args ...any) error {
		return r.Result.Bad("baselines.projector", format, args...)
	}
	path, widths := s.projector.Asked()
	for _, n := range r.Baselines.Projector {
		above, _ := backbones.ScopeAbove(s.encoderScope())
		switch {
		case path == "":
			return bad("[method.%s] has no projector of which a layer could be evaluated; want []", r.Method.Name)
		case strings.TrimSuffix(path, "projector") != above || s.encodedAt.student != "":
			return bad("the encoder that is evaluated is %q, and the projector %q is not on it; want []",
				s.encoderScope(), path)
		case n > len(widths):
			return bad("%d: the projector of [method.%s] has %d layers", n, r.Method.Name, len(widths))
		case r.Projector.Norm == "decorrelated":
			return bad("[projector] norm = \"decorrelated\" is of the batch, in evaluation too; want [], or another " +
				"norm")
		}
	}
	return nil
}

// frozenEncoder is the encoder that is evaluated, as the training step has it.
func (s *Setup) frozenEncoder() encoder.Frozen {
	return encoder.Frozen{New: s.encoder().New, Field: s.Input, Scope: s.encodedAt.scope, Student: s.encodedAt.student}
}

// frozenGraph is the frozen encoder: input view0 [batch,...], output features [batch,F].
func (s *Setup) frozenGraph(batch int) (*graph.Graph, error) { return s.frozenEncoder().Graph(batch) }

// aboveEncoder is the scope that the evaluated encoder is declared in.
func (s *Setup) aboveEncoder(g *graph.Scope) *graph.Scope { return s.frozenEncoder().Above(g) }

// checkEncoder refuses a method whose encoder is not where it says: what would be evaluated and exported is not what
// is trained.
func (s *Setup) checkEncoder() error {
	g, err := s.EmbedGraph()
	if err != nil {
		return err
	}
	if err := g.Missing(s.Store); err != nil {
		return fmt.Errorf("[method.%s] the encoder to be evaluated, %q, is not what the method trains: %w; the "+
			"method must call enc.New in the scope above it, or name another in Objective.Encoder",
			s.Recipe.Method.Name, s.encoderScope(), err)
	}
	return nil
}

// untrained is a Store with the encoder as it was before the first step.
func (s *Setup) untrained() (*graph.Store, error) {
	st := s.newStore()
	g, err := s.EmbedGraph()
	if err != nil {
		return nil, err
	}
	towers, err := s.towerGraphs()
	if err != nil {
		return nil, err
	}
	follow, _, err := s.followGraph()
	if err != nil {
		follow = nil // which checkFollowing has refused where it is asked for
	}
	drawing, err := s.drawGraph()
	if err != nil {
		return nil, err
	}
	told, err := s.toldGraphs()
	if err != nil {
		return nil, err
	}
	sounds, err := s.soundGraphs()
	if err != nil {
		return nil, err
	}
	survey, err := s.surveyGraph()
	if err != nil {
		return nil, err
	}
	for _, g := range slices.Concat([]*graph.Graph{g, follow, drawing, survey}, told, towers, sounds) {
		if g == nil {
			continue
		}
		reads, err := g.Reads()
		if err != nil {
			return nil, err
		}
		for _, l := range reads {
			if err := s.trained.Fill(st, l.Name); err != nil {
				return nil, err
			}
			if err := s.takeLoan(st, l); err != nil {
				return nil, err
			}
		}
	}
	return st, nil
}

// stills reports whether the samples are clips and the encoder is one of images, which sees single frames.
func (s *Setup) stills() bool {
	k := s.films()
	return k != nil && k.Stills()
}

// describeEncoder says what of the Store is the frozen encoder, and what it takes.
func (s *Setup) describeEncoder() (*checkpoint.Encoder, error) {
	g, err := s.EmbedGraph()
	if err != nil {
		return nil, err
	}
	reads, err := g.Reads()
	if err != nil {
		return nil, err
	}
	e := &checkpoint.Encoder{Scope: s.encodedAt.scope, Student: s.encodedAt.student}
	if v := s.Views; v != nil {
		e.Height, e.Width, e.Channels, e.Mean, e.Std = v.Height, v.Width, v.Channels, v.Mean, v.Std
	}
	if noun := s.Noun(); noun != "images" && !s.stills() {
		e.Other = &checkpoint.Samples{Kind: noun, Shape: s.Input.Shape, Int: s.Input.Int, Of: s.Input.Of,
			Gaps: s.Input.Gaps}
		switch set := s.Data.Train.(type) {
		case datasets.RowSet:
			e.Other.Columns = columnsOf(set)
		case datasets.WaveSet:
			e.Other.Rate = set.Rate()
			if w, ok := s.Kind.(*windows.Waves); ok && w.Front() != nil {
				e.Other.Mel, e.Other.Length = w.Front(), w.Length()
			}
		case datasets.TextSet:
			e.Other.Unit, e.Other.Symbols = set.Vocabulary().Unit(), set.Vocabulary().Symbols()
		}
	}
	if k, ok := s.Kind.(*captioned.Kind); ok {
		f := k.Field()
		e.Caption = &checkpoint.Samples{Kind: "texts", Shape: f.Shape, Int: f.Int, Of: f.Of, Unit: k.Unit(),
			Symbols: k.Symbols()}
	}
	for _, l := range reads {
		e.Entries = append(e.Entries, l.Name)
	}
	return e, nil
}

// columnsOf describes the columns of a table.
func columnsOf(set datasets.RowSet) (list []checkpoint.Column) {
	for _, c := range set.Columns() {
		list = append(list, checkpoint.Column{Name: c.Name, Categories: c.Categories, Mean: c.Mean, Std: c.Std})
	}
	return list
}

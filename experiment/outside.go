package experiment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/encoder"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/methods"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Weights that were made elsewhere, [init] weights: the names of other codes for the entries of our backbones, by the
// table that export writes them with.

// Matched is what became of the tensors of a file that was made elsewhere.
type Matched struct {
	SHA256       string   `json:"sha256,omitempty"`       // of the file
	Tensors      int      `json:"tensors,omitempty"`      // that are a part of the backbone
	Ignored      []string `json:"ignored,omitempty"`      // left out: without the prefix, or named by [init] ignore
	Interpolated string   `json:"interpolated,omitempty"` // positions that were resized, and from which grid to which
}

// String is a line for people.
func (m Matched) String() string {
	text := fmt.Sprintf("%d tensors", m.Tensors)
	if m.Interpolated != "" {
		text += ", " + m.Interpolated
	}
	if n := len(m.Ignored); n > 0 {
		text += fmt.Sprintf("; left out: %s", firstFive(m.Ignored))
	}
	return text
}

// firstFive is a list of names, the first of many.
func firstFive(names []string) string {
	if n := len(names) - 5; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), n)
	}
	return strings.Join(names, ", ")
}

// readOutside reads the file of [init] weights. One that export wrote says how its pixels are normalised.
func (s *Setup) readOutside() (*weights, error) {
	in := s.Recipe.Init
	path := in.Weights
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Recipe.Dir(), path)
	}
	fail := func(err error) (*weights, error) {
		return nil, &DataError{fmt.Errorf("[init] weights = %q: %w", in.Weights, err)}
	}
	tensors, meta, err := checkpoint.Import(path)
	if err != nil {
		return fail(err)
	}
	sum, err := fileSum(path)
	if err != nil {
		return fail(err)
	}
	w := &weights{outside: tensors}
	if meta["layout"] == layoutNotes[plainLayout] { // its names are ours
		if w, err = weightsOfFile(path, false); err != nil {
			return fail(err)
		}
		w.begun.Tensors = len(w.entries)
	} else if meta["config"] != "" {
		if w.encoder, err = encoderOf(meta); err != nil {
			return fail(err)
		}
	}
	w.key, w.where, w.begun.From, w.begun.SHA256 = "weights", in.Weights, path, sum
	if in.Scope == methods.Backbone && s.known == nil {
		s.known = w.encoder
	}
	return w, nil
}

// fileSum is the SHA-256 of a file, in hexadecimal digits.
func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// misfit is a file whose tensors are not those of the backbone.
type misfit struct {
	missing, shapes, left []string // what is wrong, in words
}

// translate makes entries of the tensors of a file that was made elsewhere.
func (s *Setup) translate(w *weights) error {
	in := s.Recipe.Init
	bad := func(format string, args ...any) error { return s.Recipe.Result.Bad("init.weights", format, args...) }
	file, ignored := map[string]ir.Array{}, []string{}
	for name, a := range w.outside {
		rest, ok := strings.CutPrefix(name, in.Prefix)
		if !ok || slices.ContainsFunc(in.Ignore, func(p string) bool { return strings.HasPrefix(rest, p) }) {
			ignored = append(ignored, name)
			continue
		}
		file[rest] = a
	}
	slices.Sort(ignored)
	if len(file) == 0 {
		return bad("%q: none of its %d tensors is a part of the backbone: prefix = %q, ignore = %q, and the names "+
			"are %s", in.Weights, len(w.outside), in.Prefix, in.Ignore, firstFive(slices.Sorted(maps.Keys(w.outside))))
	}
	var c encoder.Config
	if err := s.describeLayers(&c); err != nil {
		return &RecipeError{s.Recipe.File, err}
	}
	kinds, used := kindsOf(c.Layers), map[string]bool{}
	w.entries = map[string]ir.Array{}
	var m misfit
	var wanted []string
	for _, l := range s.Leaves {
		rest, ok := strings.CutPrefix(l.Name, in.Scope+"/")
		if !ok || graph.IsKey(l.Name) {
			continue
		}
		entry := ir.NewArray(l.Type)
		for _, t := range torchTensors(s.Recipe.Backbone.Value, kinds, rest, l.Shape, backbones.InputOf(s.Input)) {
			wanted = append(wanted, t.name)
			a, ok := file[t.name]
			used[t.name] = ok
			if !ok {
				m.missing = append(m.missing, fmt.Sprintf("%s %v", t.name, ir.Shape(t.shape)))
				continue
			}
			if t.name == positionsName && in.Positions == recipes.PositionsInterpolate && !a.Shape.Equal(t.shape) {
				var err error
				if a, w.begun.Interpolated, err = s.otherGrid(a, t.shape); err != nil {
					return bad("%q: %v", in.Weights, err)
				}
			}
			if !a.Shape.Equal(t.shape) {
				m.shapes = append(m.shapes, fmt.Sprintf("%s is %v, this recipe builds %v", t.name, a.Shape,
					ir.Shape(t.shape)))
				continue
			}
			if err := t.into(entry, a); err != nil {
				return bad("%q: %v", in.Weights, err)
			}
			w.begun.Tensors++
		}
		w.entries[rest] = entry
	}
	for _, name := range slices.Sorted(maps.Keys(file)) {
		if !used[name] {
			m.left = append(m.left, name)
		}
	}
	if text := m.words(wanted); text != "" {
		return bad("%q does not fit [backbone.%s] in %s, of which it fills %d of %d tensors%s%s", in.Weights,
			s.Recipe.Backbone.Name, in.Scope, w.begun.Tensors, len(wanted), text, s.gridHint(m))
	}
	w.begun.Ignored = ignored
	return nil
}

// words say what does not fit, the first five of each kind, each name with the one nearest to it on the other side;
// empty: all fits.
func (m misfit) words(wanted []string) (text string) {
	beside := func(list, others []string) []string {
		out := slices.Clone(list)
		for i := range out[:min(5, len(out))] {
			name, _, _ := strings.Cut(out[i], " ")
			if near := overlay.Nearest(name, others); len(near) > 0 {
				out[i] += fmt.Sprintf(" (nearest: %s)", near[0])
			}
		}
		return out
	}
	for _, part := range []struct {
		head string
		list []string
	}{
		{"missing", beside(m.missing, m.left)}, {"left over", beside(m.left, wanted)}, {"of another shape", m.shapes},
	} {
		if len(part.list) > 0 {
			text += fmt.Sprintf("; %s: %s", part.head, firstFive(part.list))
		}
	}
	if len(m.left) > 0 {
		text += "; [init] prefix says what the names begin with, ignore which are no part of the backbone"
	}
	return text
}

// gridHint says how positions of another grid can be had.
func (s *Setup) gridHint(m misfit) string {
	if len(m.shapes) == 1 && strings.HasPrefix(m.shapes[0], positionsName+" ") && s.Recipe.Init.Positions == "" {
		return "; positions = \"interpolate\" resizes them"
	}
	return ""
}

// otherGrid is the positions [1,P+h*h,D] of a file, of a square grid behind the P of other tokens, for the grid of the
// backbone, whose positions have a shape [1,P+H*W,D], and what was done. See layer.Positions.
func (s *Setup) otherGrid(a ir.Array, shape []int) (ir.Array, string, error) {
	v, ok := s.Recipe.Backbone.Value.(*backbones.ViT)
	if !ok || len(a.Shape) != 3 || a.Shape[2] != shape[2] {
		return a, "", nil // which will not fit
	}
	h, w := s.Input.Shape[0]/v.Patch, s.Input.Shape[1]/v.Patch
	others := shape[1] - h*w
	side := int(math.Round(math.Sqrt(float64(a.Shape[1] - others))))
	if side < 1 || side*side != a.Shape[1]-others {
		return a, "", fmt.Errorf("%s is %v: %d positions behind those of %d other tokens are no square grid, which "+
			"positions = \"interpolate\" wants", positionsName, a.Shape, a.Shape[1]-others, others)
	}
	st := graph.NewStore(0)
	st.Put(&graph.Entry{Name: "positions", Kind: graph.State, Array: a})
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		g.Output("y", layer.Positions(g, g.State("positions", nil, a.Shape...), [2]int{side, side}, [2]int{h, w}))
	})
	if err != nil {
		return a, "", err
	}
	p, err := g.CompileOver(device.Host(), st)
	if err != nil {
		return a, "", err
	}
	if err := p.Run(); err != nil {
		return a, "", err
	}
	y, err := p.Output("y")
	said := fmt.Sprintf("positions of %dx%d patches resized to %dx%d", side, side, h, w)
	return array(slices.Clone(y.F32), shape...), said, err
}

package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/encoder"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/methods"
)

// Weights that a run begins with, the recipe's [init]. They are read once, before the first step; a resumed run has
// them in its checkpoint.

// Begun is where a run's first weights are from, as run.json records it.
type Begun struct {
	From   string `json:"from"`           // run folder or file
	Recipe string `json:"recipe"`         // digest of the recipe that trained them; empty: the file does not say
	Step   int    `json:"step,omitempty"` // of that run; 0: the file does not say
	Hash   string `json:"hash"`           // of the network's part that they fill, after they were put there

	Matched
}

// weights are an encoder's entries by their names below its scope.
type weights struct {
	key     string // of [init]
	where   string
	entries map[string]ir.Array
	encoder *checkpoint.Encoder // nil: nobody knows
	begun   Begun
	outside map[string]ir.Array // by the names of a file that was made elsewhere, in place of entries
}

// String names the setting that the weights are from.
func (w *weights) String() string { return fmt.Sprintf("[init] %s = %q", w.key, w.where) }

// readInit reads the weights that the recipe's [init] names; nil if it names none. The views take their statistics.
func (s *Setup) readInit() (*weights, error) {
	in := s.Recipe.Init
	if in.Weights != "" {
		return s.readOutside()
	}
	if in.From == "" {
		return nil, nil
	}
	path := in.From
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Recipe.Dir(), path)
	}
	read := weightsOfRun
	if strings.HasSuffix(path, ".safetensors") {
		read = weightsOfFile
	}
	w, err := read(path, in.Best)
	if err != nil {
		return nil, &DataError{fmt.Errorf("[init] from = %q: %w", in.From, err)}
	}
	w.key, w.where, w.begun.From = "from", in.From, path
	if in.Scope == methods.Backbone && s.known == nil {
		s.known = w.encoder
	}
	return w, nil
}

// weightsOfRun is the encoder of a run's newest or best checkpoint.
func weightsOfRun(dir string, best bool) (*weights, error) {
	if _, err := ReadStatus(dir); err != nil {
		return nil, err
	}
	st, m, _, err := readCheckpoint(&folder.Folder{Path: dir}, best)
	switch {
	case err != nil:
		return nil, err
	case st == nil:
		return nil, noCheckpoint("init", dir, best)
	case m.Encoder == nil:
		return nil, fmt.Errorf("the checkpoint of step %d does not say what its encoder is", m.Step)
	}
	w := &weights{entries: map[string]ir.Array{}, encoder: m.Encoder, begun: Begun{Recipe: m.Recipe, Step: m.Step}}
	for _, name := range m.Encoder.Entries {
		w.entries[belowBackbone(name)] = st.Get(name).Array
	}
	return w, nil
}

// weightsOfFile is an encoder that a run exported.
func weightsOfFile(path string, _ bool) (*weights, error) {
	tensors, meta, err := checkpoint.Import(path)
	if err != nil {
		return nil, err
	}
	if layout := meta["layout"]; layout != layoutNotes[plainLayout] {
		return nil, fmt.Errorf("the file's layout is %q, want the one that a run exports: %q", layout,
			layoutNotes[plainLayout])
	}
	w := &weights{entries: map[string]ir.Array{}, begun: Begun{Recipe: meta["recipe"]}}
	if w.encoder, err = encoderOf(meta); err != nil {
		return nil, err
	}
	fmt.Sscan(meta["step"], &w.begun.Step)
	for name, a := range tensors {
		if rest := belowBackbone(name); rest != name {
			w.entries[rest] = a
		}
	}
	return w, nil
}

// encoderOf is what the metadata of an exported file say of its samples.
func encoderOf(meta map[string]string) (*checkpoint.Encoder, error) {
	var c encoder.Config
	if err := json.Unmarshal([]byte(meta["config"]), &c); err != nil {
		return nil, fmt.Errorf("the metadata have no config: %w", err)
	}
	return &checkpoint.Encoder{Height: c.Height, Width: c.Width, Channels: c.Channels, Mean: c.Mean, Std: c.Std}, nil
}

// initialise puts weights into the scope that the recipe says, and into that of its teachers. All of both must fit.
func (s *Setup) initialise(w *weights) error {
	if w == nil {
		return nil
	}
	scope := s.Recipe.Init.Scope
	if w.outside != nil {
		if err := s.translate(w); err != nil {
			return err
		}
	}
	if err := s.inflate(w); err != nil {
		return &RecipeError{s.Recipe.File, fmt.Errorf("%s: %w", w, err)}
	}
	used := map[string]bool{}
	var bad []string
	for _, l := range s.Leaves {
		rest, ok := s.belowInit(l.Name, scope)
		if !ok || graph.IsKey(l.Name) {
			continue
		}
		used[rest] = true
		switch a, ok := w.entries[rest]; {
		case !ok:
			bad = append(bad, fmt.Sprintf("%s is missing, this recipe builds %v", rest, l.Type))
		case !a.Shape.Equal(l.Shape) || a.DType != l.DType:
			bad = append(bad, fmt.Sprintf("%s is %v, this recipe builds %v", rest, a.Type, l.Type))
		default:
			s.Store.Get(l.Name).Copy(a)
		}
	}
	if len(used) == 0 {
		return &RecipeError{s.Recipe.File, fmt.Errorf("[init] scope = %q: the network has no parameters there; "+
			"want the scope of an encoder, such as %q", scope, methods.Backbone)}
	}
	for rest := range w.entries {
		if !used[rest] {
			bad = append(bad, rest+" is there, and this recipe builds none")
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		more := ""
		if n := len(bad) - 3; n > 0 {
			bad, more = bad[:3], fmt.Sprintf(", and %d more", n)
		}
		return &RecipeError{s.Recipe.File, errors.New(w.String() + " does not fit " + scope + ": " +
			strings.Join(bad, "; ") + more + "; want the backbone that was trained" + s.inflateHint())}
	}
	s.startAverages()
	begun := w.begun
	begun.Hash = s.Store.Hash(scope + "/")
	s.begun = &begun
	return nil
}

// inflate makes weights for clips of those for images, if the recipe says so.
func (s *Setup) inflate(w *weights) (err error) {
	how := s.Recipe.Init.Inflate
	if how == "" {
		return nil
	}
	b, ok := s.Recipe.Backbone.Value.(backbones.Inflater)
	if !ok {
		return fmt.Errorf(
			"inflate = %q: [backbone.%s] takes no weights of images; want [backbone.vit3d], or no inflate",
			how, s.Recipe.Backbone.Name)
	}
	w.entries, err = b.Inflate(backbones.Inflation(how), w.entries, backbones.InputOf(s.Input))
	return err
}

// inflateHint says that weights of images can be had too.
func (s *Setup) inflateHint() string {
	if _, ok := s.Recipe.Backbone.Value.(backbones.Inflater); ok && s.Recipe.Init.Inflate == "" {
		return ", or inflate = \"mean\" where it was one of images"
	}
	return ""
}

// belowInit is a leaf's name below the scope of [init], or below the teacher of that scope.
func (s *Setup) belowInit(name, scope string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(name, scope+"/"); ok {
		return rest, true
	}
	at := strings.Index(name, "/"+scope+"/")
	if at < 0 {
		return "", false
	}
	end := at + 1 + len(scope)
	student, ok := s.trained.StudentOf(name[:end])
	return name[end+1:], ok && student == scope
}

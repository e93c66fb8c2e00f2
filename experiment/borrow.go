package experiment

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/methods"
	"selfsup/recipes"
)

// Networks of finished runs that a method reads in its step. They are copied before the first step; a resumed run has
// them in its checkpoint.

// lender is a run that lends its networks.
type lender struct {
	methods.Loan
	store *graph.Store
	meta  checkpoint.Meta
}

// borrow opens the runs that the method borrows from and tells it what they are. Pixels are then normalised as for
// them, unless the recipe says how.
func (s *Setup) borrow() error {
	m, ok := s.Recipe.Method.Value.(methods.Borrower)
	if !ok {
		return nil
	}
	s.lenders = nil
	for _, l := range m.Loans() {
		key := "method." + s.Recipe.Method.Name + "." + l.Key
		if l.From == "" {
			return s.Recipe.Result.Bad(key, "names no run; want the folder of a finished one, whose networks this "+
				"method reads")
		}
		from, lent, err := openLender(s.Recipe, l)
		if err != nil {
			return &DataError{fmt.Errorf("%s = %q: %w", key, l.From, err)}
		}
		if err := m.Lend(l.Key, lent); err != nil {
			return s.Recipe.Result.Bad(key, "%q: %v", l.From, err)
		}
		e := from.meta.Encoder
		switch {
		case s.known == nil:
			s.known = e
		case !slices.Equal(s.known.Mean, e.Mean) || !slices.Equal(s.known.Std, e.Std):
			return s.Recipe.Result.Bad(key, "%q normalises pixels by means %v and deviations %v, and another run that "+
				"this one begins with by %v and %v; want both alike", l.From, e.Mean, e.Std, s.known.Mean, s.known.Std)
		}
		s.lenders = append(s.lenders, *from)
	}
	return nil
}

// openLender reads a run's newest checkpoint and its recipe.
func openLender(r *recipes.Loaded, l methods.Loan) (*lender, methods.Lent, error) {
	var none methods.Lent
	path := l.From
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.Dir(), path)
	}
	if _, err := ReadStatus(path); err != nil {
		return nil, none, err
	}
	f := &folder.Folder{Path: path}
	st, meta, _, err := readCheckpoint(f, false)
	switch {
	case err != nil:
		return nil, none, err
	case st == nil:
		return nil, none, noCheckpoint("run", path, false)
	case meta.Encoder == nil || meta.Encoder.Channels == 0:
		return nil, none, fmt.Errorf("the checkpoint of step %d has no encoder of images", meta.Step)
	}
	of, err := recipes.Load(f.File(ResolvedFile), nil, r.Catalog)
	if err != nil {
		return nil, none, err
	}
	e := meta.Encoder
	lent := methods.Lent{Method: of.Method.Value, Backbone: of.Backbone.Value,
		Input: backbones.Pixels(e.Height, e.Width, e.Channels)}
	if c := e.Caption; c != nil {
		lent.Caption = backbones.Input{Shape: c.Shape, Int: c.Int, Of: c.Of}
	}
	return &lender{l, st, meta}, lent, nil
}

// checkLenders refuses a run whose captions the method reads and that are of other words.
func (s *Setup) checkLenders() error {
	for _, l := range s.lenders {
		if !l.Words {
			continue
		}
		if err := s.sameWords(l.From, l.meta.Encoder); err != nil {
			return fmt.Errorf("method.%s.%s: %w", s.Recipe.Method.Name, l.Key, err)
		}
	}
	return nil
}

// takeLoans copies what the lenders trained to where the method has it. All of it must be there.
func (s *Setup) takeLoans() error {
	for _, leaf := range s.Leaves {
		if err := s.takeLoan(s.Store, leaf); err != nil {
			return err
		}
	}
	return nil
}

// takeLoan copies what a lender trained to an entry of a Store, if it is a lender's.
func (s *Setup) takeLoan(st *graph.Store, leaf graph.Leaf) error {
	for _, l := range s.lenders {
		rest, ok := strings.CutPrefix(leaf.Name, l.Scope+"/")
		if !ok {
			continue
		}
		e := l.entry(rest)
		switch {
		case e == nil:
			return &DataError{fmt.Errorf("%s = %q has no %s, which this recipe reads; want a run of the same kind",
				l.Key, l.From, rest)}
		case !e.Shape.Equal(leaf.Shape) || e.DType != leaf.DType:
			return &DataError{fmt.Errorf("%s = %q: %s is %v there, and this recipe reads %v", l.Key, l.From, rest,
				e.Type, leaf.Type)}
		}
		st.Get(leaf.Name).Copy(e.Array)
	}
	return nil
}

// entry is a value of the run by its name below the loan's scope, nil if there is none. What is beside the encoder is
// that of the scope above it, a teacher's heads for a teacher; a teacher has from its student what is not trained.
func (l lender) entry(name string) *graph.Entry {
	e := l.meta.Encoder
	for _, scope := range []string{e.Scope, e.Student, methods.Backbone} {
		above, ok := backbones.ScopeAbove(scope)
		if scope == "" || !ok {
			continue
		}
		if above != "" {
			above += "/"
		}
		if found := l.store.Get(above + name); found != nil {
			return found
		}
	}
	return nil
}

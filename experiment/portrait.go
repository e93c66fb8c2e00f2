package experiment

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"selfsup/datasets"
	"selfsup/evaluations"
	"selfsup/evaluations/maps"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/experiment/report/page"
	"selfsup/graph"
	"selfsup/recipes"
)

// PortraitOptions say what of a run's encoder is pictured.
type PortraitOptions struct {
	Best   bool     // the best checkpoint instead of the newest
	Points int      // test samples, at most: of the maps, the classifiers and the queries
	Maps   []string // of maps.Kinds
	Thumbs int      // pixels of a point's picture; 0: points have none
}

// Numbers of a portrait. Features of so many samples take seconds, and their spectrum has converged.
const (
	portraitTraining = 4096 // training samples that classifiers learn from and neighbours are found among, at most
	portraitL2       = 0.01 // of the linear probes, where the run chose none
)

// Portrait is what the encoder of a run's newest or best checkpoint makes of samples: classifiers of every layer, the
// spectrum of the features before and behind the projector, maps, the nearest neighbours of some test samples, and who
// is taken for whom. It trains no encoder and proves that the weights stay as they are. It writes nothing.
func Portrait(dir string, po PortraitOptions, c recipes.Catalog, o Options) (*page.Pictures, error) {
	p, err := newPortrait(dir, po, c, o)
	if err != nil {
		return nil, err
	}
	defer p.shown.Clear()
	before := p.st.Hash("")
	ctx := context.Background()
	for _, part := range []struct {
		what string
		draw func(context.Context) error
	}{{"features of every layer", p.embed}, {"spectra", p.spectra}, {"classifiers", p.classify},
		{"neighbours", p.queries}, {"maps", p.drawMaps}, {"thumbnails", p.thumbs}, {"attention", p.attention},
		{"reconstructions", p.reconstructions}} {
		p.doing = part.what
		p.evaluating()
		if err := part.draw(ctx); err != nil {
			return nil, fmt.Errorf("report: %s: %s: %w", dir, part.what, err)
		}
	}
	if p.st.Hash("") != before {
		return nil, fmt.Errorf("report: %s: the weights changed while they were pictured", dir)
	}
	return p.out, nil
}

// PicturedStep is the step of a run's newest or best checkpoint.
func PicturedStep(dir string, best bool, s Status) int {
	if !best {
		return s.Step
	}
	_, step, _ := checkpoint.BestScore(filepath.Join(dir, checkpointDir))
	return step
}

// portrait is a Portrait under way.
type portrait struct {
	*Setup
	PortraitOptions
	out      *page.Pictures
	st       *graph.Store
	training datasets.Labelled // that classifiers learn from: labelled where there are labels
	test     datasets.Labelled
	labelled bool // both have labels of two or more classes
	depths   []depth
	train    []features // by depth
	tested   []features
	at       int // depth of the features
	summary  *Summary
}

// newPortrait opens the data and a checkpoint of a run.
func newPortrait(dir string, po PortraitOptions, c recipes.Catalog, o Options) (*portrait, error) {
	f := &folder.Folder{Path: filepath.Clean(dir)}
	s, st, m, err := openEncoder(f, po.Best, o, c)
	if err != nil {
		return nil, err
	}
	p := &portrait{Setup: s, PortraitOptions: po, out: &page.Pictures{}, st: st}
	if p.summary, err = ReadSummary(dir); err != nil {
		return nil, err
	}
	which := "the newest checkpoint"
	if po.Best {
		which = fmt.Sprintf("the best checkpoint, chosen by %s %.4f", m.Score.Evaluation, m.Score.Value)
	}
	p.out.State = fmt.Sprintf("step %d, %s", m.Step, which)
	seed := uint64(s.Recipe.Seed)
	p.labelled = s.lacks() == ""
	learn, test := s.Seen, s.Data.Test
	if p.labelled {
		learn, test = s.Labelled, s.Tested
		p.out.Classes = s.Data.Train.Classes()
	}
	of := "test"
	if test == nil {
		test, of = s.Seen, "training"
	}
	p.training, p.test = some(learn, portraitTraining, seed, "pictured"), some(test, po.Points, seed, "pictured")
	p.out.Sample = fmt.Sprintf("%d of %d %s %s; neighbours and classifiers by %d of %d training %s", p.test.Len(),
		test.Len(), of, s.Noun(), p.training.Len(), learn.Len(), s.Noun())
	return p, nil
}

// openEncoder opens the data of a run, which must be those that it began with, and a checkpoint's weights to evaluate.
// The training step is built, which says what of it is the encoder and the projector, and not compiled.
func openEncoder(f *folder.Folder, best bool, o Options, c recipes.Catalog) (*Setup, *graph.Store, checkpoint.Meta,
	error) {
	fail := func(err error) (*Setup, *graph.Store, checkpoint.Meta, error) {
		return nil, nil, checkpoint.Meta{}, err
	}
	status, err := ReadStatus(f.Path)
	if err != nil {
		return fail(err)
	}
	rec, err := reload(f, "report", o.Sets, c)
	if err != nil {
		return fail(err)
	}
	rec.BaseDir = status.BaseDir
	st, m, warning, err := readCheckpoint(f, best)
	if err != nil {
		return fail(err)
	}
	if st == nil {
		return fail(noCheckpoint("report", f.Path, best))
	}
	s, err := newSetup(rec, nil)
	if err != nil {
		return fail(err)
	}
	s.watch(o, "")
	s.known = m.Encoder
	s.opened = func(s *Setup) error {
		remark, err := s.recognise(f)
		warning += remark
		return err
	}
	if err := s.openData(); err != nil {
		return fail(whereMoved(err, f, "report", rec))
	}
	if warning != "" {
		fmt.Fprintln(o.messages(), "warning:", warning)
	}
	if _, err := s.build(); err != nil {
		return fail(inRecipe(rec, err))
	}
	weights := rec.Average.Weights
	if n, _ := recipes.Checkpoints(weights); best && n > 0 {
		weights = recipes.LastWeights
	}
	if st, _, err = averaged(weights, f.Path, st, m.Step); err != nil {
		return fail(err)
	}
	s.Store = st
	if err := s.frozenEncoder().Check(st); err != nil {
		return fail(&DataError{fmt.Errorf("checkpoint: %s: %w", f.File(checkpointDir), err)})
	}
	return s, st, m, nil
}

// embed computes the features of every layer.
func (p *portrait) embed(ctx context.Context) error {
	all, of, err := p.depthsOf(ctx, p.st, p.training, p.test)
	if err != nil {
		return err
	}
	p.depths, p.train, p.tested, p.at = all, of[0], of[1], -1
	for i, d := range all {
		p.out.Depths = append(p.out.Depths, page.Depth{Name: d.name, Dim: d.dim, Behind: d.behind})
		if !d.behind {
			p.at = i
		}
	}
	if p.at < 0 {
		return fmt.Errorf("the encoder has no layer of at most %d numbers", widest)
	}
	return nil
}

// spectra are those of the features and of every layer of the projector, and of the untrained encoder's features.
func (p *portrait) spectra(ctx context.Context) error {
	add := func(name string, f features, dashed bool) {
		values, err := evaluations.CovarianceSpectrum(f.x, f.dim)
		if err != nil { // all alike: there is nothing to draw
			return
		}
		s := page.Spectrum{Name: name, Dashed: dashed}
		for _, v := range values {
			s.Values = append(s.Values, max(v/values[0], 1e-10)) // what is less is rounding
		}
		p.out.Spectra = append(p.out.Spectra, s)
	}
	for i, d := range p.depths {
		switch {
		case i == p.at:
			add("features", p.train[i], false)
		case d.behind:
			add(d.name, p.train[i], false)
		}
	}
	fresh, err := p.untrained()
	if err != nil {
		return err
	}
	run, err := p.embedder(fresh)
	if err != nil {
		return err
	}
	f, err := run(ctx, p.training)
	if err == nil {
		add("features, untrained", f, true)
	}
	return err
}

// at a depth, what classifiers learn from and are tested on.
func (p *portrait) featuresAt(i int) evaluations.Features {
	return evaluations.Features{TrainX: p.train[i].x, TrainY: p.train[i].y, TestX: p.tested[i].x, TestY: p.tested[i].y,
		Dim: p.depths[i].dim, Classes: len(p.Data.Train.Classes()), Seed: uint64(p.Recipe.Seed)}
}

// classify classifies the test samples by every layer.
func (p *portrait) classify(ctx context.Context) error {
	if !p.labelled {
		return nil
	}
	knn, linear := p.classifiers()
	for i := range p.depths {
		p.telling("classifiers of layers", i, len(p.depths))
		f := p.featuresAt(i)
		for _, by := range []struct {
			name    string
			to      **page.Number
			predict func(context.Context, evaluations.Features) ([]int32, error)
		}{{fmt.Sprintf("k nearest neighbours, k = %d", knn.K[0]), &p.out.Depths[i].KNN, knn.Predict},
			{fmt.Sprintf("linear probe, l2 = %v", linear.L2[0]), &p.out.Depths[i].Linear, linear.Predict}} {
			given, err := by.predict(ctx, f)
			if err != nil {
				return err
			}
			share := page.Number(right(given, f.TestY))
			if *by.to = &share; i != p.at {
				continue
			}
			counts, err := evaluations.Confusion(f.TestY, given, f.Classes)
			if err != nil {
				return err
			}
			p.out.Confusions = append(p.out.Confusions, page.Confusion{Name: by.name, Counts: counts})
		}
	}
	return nil
}

// classifiers are the recipe's, or the defaults: the first k, and the strength that the run chose.
func (p *portrait) classifiers() (*evaluations.KNN, *evaluations.Linear) {
	knn, linear := evaluations.DefaultKNN(), evaluations.DefaultLinear()
	for _, c := range p.Recipe.Evaluate.On {
		switch v := c.Value.(type) {
		case *evaluations.KNN:
			*knn = *v
		case *evaluations.Linear:
			*linear = *v
		}
	}
	l2 := portraitL2
	if p.summary != nil {
		for _, e := range p.summary.Evaluations {
			if v, ok := e.Settings["l2"].(float64); ok && e.Protocol == "linear" && e.Representation == "trained" {
				l2 = v
			}
		}
	}
	linear.L2 = []float64{l2}
	return knn, linear
}

func right(given, truth []int32) float64 {
	n := 0
	for i, c := range given {
		if c == truth[i] {
			n++
		}
	}
	return float64(n) / float64(len(given))
}

// drawMaps lays the test samples out.
func (p *portrait) drawMaps(ctx context.Context) error {
	f := p.tested[p.at]
	p.out.Labels = f.y
	for i, kind := range p.Maps {
		p.telling("maps", i, len(p.Maps))
		at, err := maps.Make(ctx, kind, f.x, f.dim, uint64(p.Recipe.Seed), p.alive)
		if err != nil {
			return err
		}
		m := page.Map{Name: kind}
		for _, v := range at {
			m.X, m.Y = append(m.X, v[0]), append(m.Y, v[1])
		}
		p.out.Maps = append(p.out.Maps, m)
	}
	if len(p.Maps) == 0 || !slices.ContainsFunc(p.out.Labels, func(l int32) bool { return l >= 0 }) {
		p.out.Labels = nil
	}
	return nil
}

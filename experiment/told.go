package experiment

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// Texts that a method tells symbol by symbol, and halves of texts, for protocols that ask for either.

// checkTold refuses protocols of texts where there are none, or where nobody tells them.
func (s *Setup) checkTold() error {
	for _, c := range s.Recipe.Evaluate.On {
		needs := c.Value.Needs()
		bad := func(format string, args ...any) error {
			return &RecipeError{s.Recipe.File, fmt.Errorf("[evaluate.%s] %s; switch it off with [evaluate] %[1]s = "+
				"false", c.Name, fmt.Sprintf(format, args...))}
		}
		if needs.Told == nil && !needs.Halves {
			continue
		}
		if _, ok := s.Data.Train.(datasets.TextSet); !ok {
			return bad("is of texts, and the samples of dataset.%s are %s", s.Recipe.Dataset.Name, s.Noun())
		}
		if s.Data.Test == nil {
			return bad("measures on test texts, and dataset.%s has none", s.Recipe.Dataset.Name)
		}
		_, writes := s.Recipe.Method.Value.(methods.Writing)
		_, guesses := s.Recipe.Method.Value.(methods.Hiding)
		switch {
		case needs.Told == nil:
		case needs.Told.Hidden && !guesses:
			return bad("is of methods that tell hidden symbols of a text at their places, and [method.%s] does not; "+
				"want mlm, bert, declutr, electra or coco_lm", s.Recipe.Method.Name)
		case !needs.Told.Hidden && !writes:
			return bad("is of methods that tell the next symbol of a text, and [method.%s] tells none; want gpt",
				s.Recipe.Method.Name)
		}
	}
	return nil
}

// toldRows is how many windows are told at a time.
const toldRows = 8

// toldOutput is the logits of the symbols that come next.
const toldOutput = "next"

// hiddenInput is 1 where a symbol is hidden.
const hiddenInput = "hidden"

// toldGraph is what the method tells of windows: of the symbols that come next, or of hidden ones.
func (s *Setup) toldGraph(ofHidden bool) (*graph.Graph, error) {
	return graph.Build(graph.Options{}, func(at *graph.Scope) {
		b := methods.NewBatch(at, toldRows, methods.Data{Maker: s.Kind.Training(s.Seen), Samples: s.Seen.Len()})
		if !ofHidden {
			at.Output(toldOutput, s.Recipe.Method.Value.(methods.Writing).Continue(at, s.encoder(), b))
			return
		}
		hidden := at.Input(hiddenInput, op.ShapeOf(b.View(0))...)
		at.Output(toldOutput, s.Recipe.Method.Value.(methods.Hiding).Hidden(at, s.encoder(), b, hidden))
	})
}

// toldGraphs are those that the recipe's protocols ask for.
func (s *Setup) toldGraphs() (all []*graph.Graph, err error) {
	for _, p := range s.protocols() {
		if t := p.Needs().Told; t != nil {
			g, err := s.toldGraph(t.Hidden)
			if err != nil {
				return nil, err
			}
			all = append(all, g)
		}
	}
	return all, nil
}

// teller tells windows of symbols [toldRows,T]: logits [toldRows,T,V].
type teller struct {
	logits []float32
	in     []int32
	hidden []float32 // [toldRows,T]; nil: it tells the next symbols
	t, v   int
	run    func() error
}

// tellerOver is the method of a Store.
func (s *Setup) tellerOver(st *graph.Store, ofHidden bool) (*teller, error) {
	g, err := s.toldGraph(ofHidden)
	if err != nil {
		return nil, err
	}
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, err
	}
	in, err := p.Input(feed.View(0))
	if err != nil {
		return nil, err
	}
	out, err := p.Output(toldOutput)
	if err != nil {
		return nil, err
	}
	m := &teller{in: in.I32, logits: out.F32, t: in.Shape[1], v: out.Shape[2], run: p.Run}
	if ofHidden {
		at, err := p.Input(hiddenInput)
		if err != nil {
			return nil, err
		}
		m.hidden = at.F32
	}
	return m, nil
}

// nats is -log of the probability of a symbol by logits.
func nats(logits []float32, symbol int32) float64 {
	largest, sum := float64(logits[0]), 0.0
	for _, l := range logits {
		largest = max(largest, float64(l))
	}
	for _, l := range logits {
		sum += math.Exp(float64(l) - largest)
	}
	return largest + math.Log(sum) - float64(logits[symbol])
}

// texts are the test texts, or during the training those that the training does not see.
func (s *Setup) texts(on string) datasets.Labelled {
	if on == onTest {
		return s.Data.Test
	}
	return s.unseen
}

// toldTexts are the texts of a set that a protocol looks at.
func (s *Setup) toldTexts(of datasets.Labelled, t *evaluations.Telling) (datasets.TextSet, []int) {
	set := some(of, t.Texts, uint64(s.Recipe.Seed), "told")
	whole, place := sampling.Whole(set)
	rows := make([]int, set.Len())
	for i := range rows {
		if rows[i] = i; place != nil {
			rows[i] = int(place[i])
		}
	}
	return whole.(datasets.TextSet), rows
}

// costs is the bytes of texts, what their unknown symbols cost, and with first their first ones, and their symbols.
func costs(set datasets.TextSet, rows []int, first bool) (all evaluations.Texts, symbols [][]int32) {
	v := set.Vocabulary()
	for _, i := range rows {
		text := set.Text(i)
		ids := make([]int32, v.Count(text))
		v.Encode(text, 0, ids)
		all.Bytes += len(text)
		if all.Symbols += len(ids); len(ids) > 0 && first {
			all.Nats += math.Log(float64(v.Len()))
		}
		all.Nats += 8 * math.Ln2 * float64(v.UnknownBytes(text))
		symbols = append(symbols, ids)
	}
	return all, symbols
}

// told is what texts of a set cost by the method of a Store, with continuations of some.
func (s *Setup) told(ctx context.Context, st *graph.Store, of datasets.Labelled,
	t *evaluations.Telling) (*evaluations.Texts, error) {
	m, err := s.tellerOver(st, t.Hidden)
	if err != nil {
		return nil, err
	}
	set, rows := s.toldTexts(of, t)
	all, symbols := costs(set, rows, !t.Hidden)
	if t.Hidden {
		return &all, s.guessed(ctx, m, symbols, &all.Nats)
	}
	row := 0
	var windows [toldRows][]int32
	flush := func() error {
		if row == 0 {
			return nil
		}
		if err := s.goOn(ctx); err != nil {
			return err
		}
		clear(m.in)
		for k, w := range windows[:row] {
			copy(m.in[k*m.t:], w)
		}
		if err := m.run(); err != nil {
			return err
		}
		for k, w := range windows[:row] {
			for at := 1; at < len(w); at++ {
				all.Nats += nats(m.logits[(k*m.t+at-1)*m.v:][:m.v], w[at])
			}
		}
		row = 0
		return nil
	}
	for _, ids := range symbols {
		for from := 0; from+1 < len(ids); from += m.t - 1 {
			windows[row] = ids[from:min(from+m.t, len(ids))]
			if row++; row == toldRows {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	all.Samples, err = s.continued(ctx, m, set.Vocabulary(), symbols, t)
	return &all, err
}

// guessed adds what each symbol of texts costs that is hidden by itself.
func (s *Setup) guessed(ctx context.Context, m *teller, texts [][]int32, nat *float64) error {
	var hidden [toldRows]int // of each window
	row := 0
	flush := func() error {
		if row == 0 {
			return nil
		}
		if err := s.goOn(ctx); err != nil {
			return err
		}
		if err := m.run(); err != nil {
			return err
		}
		for k, at := range hidden[:row] {
			*nat += nats(m.logits[(k*m.t+at)*m.v:][:m.v], m.in[k*m.t+at])
		}
		row = 0
		return nil
	}
	for _, ids := range texts {
		for from := 0; from < len(ids); from += m.t {
			window := ids[from:min(from+m.t, len(ids))]
			for at := range window {
				in, mask := m.in[row*m.t:][:m.t], m.hidden[row*m.t:][:m.t]
				clear(in[copy(in, window):])
				clear(mask)
				mask[at], hidden[row] = 1, at
				if row++; row == toldRows {
					if err := flush(); err != nil {
						return err
					}
				}
			}
		}
	}
	return flush()
}

// continued are samples of how texts go on, a line each: the symbols that are given, and those that were told.
func (s *Setup) continued(ctx context.Context, m *teller, v *datasets.Vocabulary, texts [][]int32,
	t *evaluations.Telling) (lines []string, err error) {
	n := min(t.Samples, toldRows, len(texts))
	clear(m.in)
	given := min(t.Prompt, m.t)
	for k := range n {
		copy(m.in[k*m.t:], texts[k][:min(given, len(texts[k]))])
	}
	r := datasets.NewRand(uint64(s.Recipe.Seed), "told/samples")
	for at := given; at < m.t && n > 0; at++ {
		if err := s.goOn(ctx); err != nil {
			return nil, err
		}
		if err := m.run(); err != nil {
			return nil, err
		}
		for k := range n {
			m.in[k*m.t+at] = sampled(m.logits[(k*m.t+at-1)*m.v:][:m.v], t.Heat, r.Float64())
		}
	}
	for k := range n {
		line := func(ids []int32) string { return strings.Join(strings.Fields(v.Decode(ids)), " ") }
		lines = append(lines, fmt.Sprintf("sample %d: %s | %s", k+1, line(m.in[k*m.t:][:given]),
			line(m.in[k*m.t+given:(k+1)*m.t])))
	}
	return lines, nil
}

// sampled is a symbol of the vocabulary by logits at a temperature, padding and unknown left out, where the sum of
// probabilities passes u.
func sampled(logits []float32, heat, u float64) int32 {
	best := datasets.FirstSymbol
	for i := datasets.FirstSymbol; i < len(logits); i++ {
		if logits[i] > logits[best] {
			best = i
		}
	}
	if heat == 0 {
		return int32(best)
	}
	sums, sum := make([]float64, len(logits)), 0.0
	for i := datasets.FirstSymbol; i < len(logits); i++ {
		sum += math.Exp(float64(logits[i]-logits[best]) / heat)
		sums[i] = sum
	}
	at := sort.Search(len(sums), func(i int) bool { return sums[i] > u*sum })
	return int32(min(at, len(logits)-1))
}

// toldByCounts is what texts of a set cost by how often each symbol occurs in the training texts, one more each.
func (s *Setup) toldByCounts(_ context.Context, of datasets.Labelled,
	t *evaluations.Telling) (*evaluations.Texts, error) {
	set, rows := s.toldTexts(of, t)
	all, symbols := costs(set, rows, !t.Hidden)
	whole, _ := sampling.Whole(s.Data.Train)
	counts := whole.(datasets.TextSet).Vocabulary().Counts()
	total := 0
	for _, n := range counts {
		total += n + 1
	}
	for _, ids := range symbols {
		if !t.Hidden {
			ids = ids[min(1, len(ids)):]
		}
		for _, id := range ids {
			all.Nats -= math.Log(float64(counts[id]+1) / float64(total))
		}
	}
	return &all, nil
}

// halvesOf are the halves of so many texts of a set, at white space where there is some, those of a text together.
func (s *Setup) halvesOf(of datasets.Labelled, most int) *written {
	set := some(of, most, uint64(s.Recipe.Seed), "halves")
	whole, place := sampling.Whole(set)
	texts := whole.(datasets.TextSet)
	var rows []int
	h := &written{vocabulary: texts.Vocabulary(), classes: texts.Classes(),
		labels: func(i int) int { return texts.Label(rows[i/2]) },
		names:  func(i int) string { return fmt.Sprintf("half %d of %s", i%2+1, texts.Name(rows[i/2])) }}
	for i := range set.Len() {
		if place != nil {
			i = int(place[i])
		}
		text := texts.Text(i)
		cut := len(text) / 2
		if at := strings.IndexAny(text[cut:], " \n\t"); at >= 0 {
			cut += at
		} else {
			for cut > 0 && cut < len(text) && text[cut]&0xc0 == 0x80 { // within a character
				cut--
			}
		}
		h.texts, rows = append(h.texts, text[:cut], text[cut:]), append(rows, i)
	}
	return h
}

// halved are the features of halves of texts of a set, and the classes of the texts.
func (u *subject) halved(ctx context.Context, of datasets.Labelled, needs evaluations.Needs) (f evaluations.Features,
	err error) {
	h := u.halvesOf(of, needs.Images)
	x, err := u.take(ctx, h)
	f = evaluations.Features{TestX: x.x, Dim: x.dim, Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	for i := 0; i < h.Len() && len(h.Classes()) > 1; i += 2 {
		f.TestY = append(f.TestY, int32(h.Label(i)))
	}
	return f, err
}

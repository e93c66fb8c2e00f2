package experiment

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
)

// Texts and words that protocols ask about, in files of the user's beside the recipe.

// written is texts that are in no data set.
type written struct {
	vocabulary *datasets.Vocabulary
	texts      []string
	names      func(i int) string
	labels     func(i int) int // nil: none
	classes    []string
}

func (w *written) Len() int                         { return len(w.texts) }
func (w *written) Classes() []string                { return w.classes }
func (w *written) Name(i int) string                { return w.names(i) }
func (w *written) Text(i int) string                { return w.texts[i] }
func (w *written) Vocabulary() *datasets.Vocabulary { return w.vocabulary }

func (w *written) Label(i int) int {
	if w.labels == nil {
		return -1
	}
	return w.labels(i)
}

// Window implements datasets.TextSet.
func (w *written) Window(i int, at float64, dst []int32) int {
	return w.vocabulary.Window(w.texts[i], at, dst)
}

// tooManyLeft is an error where more lines of a file are left out than a share of them.
func tooManyLeft(file, what string, left []string, all int, most float64) error {
	if all == 0 {
		return fmt.Errorf("%s: no %s", file, what)
	}
	if len(left) == all || float64(len(left)) > most*float64(all) {
		return fmt.Errorf("%s: %d of %d %s have what the training texts lack, and max_unknown allows a share of %v: %s",
			file, len(left), all, what, most, strings.Join(left[:min(3, len(left))], "; "))
	}
	return nil
}

// fileBytes is how large such files may be.
const fileBytes = 1 << 28

// lines calls do with every line of a file beside the recipe that is not empty.
func (s *Setup) lines(file string, do func(at, line string) error) error {
	if !filepath.IsAbs(file) {
		file = filepath.Join(s.Recipe.Dir(), file)
	}
	b, err := disk.ReadText(file, fileBytes)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) == "" {
			continue
		}
		if err := do(fmt.Sprintf("%s:%d", file, n), line); err != nil {
			return err
		}
	}
	return nil
}

// scored reads lines of two texts and a number. known says what of a line nobody knows, or "".
func (s *Setup) scored(l evaluations.Listed, what string, known func(text string) string) (texts []string,
	g *evaluations.Graded, err error) {
	g = &evaluations.Graded{}
	first := true
	err = s.lines(l.File, func(at, line string) error {
		header := first
		first = false
		r := csv.NewReader(strings.NewReader(line))
		r.Comma, r.LazyQuotes = '\t', true
		fields, err := r.Read()
		if err != nil || len(fields) != 3 {
			return fmt.Errorf("%s: %d fields (%.60q), want two %s and a score with tabs between them", at, len(fields),
				line, what)
		}
		score, err := strconv.ParseFloat(strings.TrimSpace(fields[2]), 64)
		if err != nil && header {
			return nil
		}
		if err != nil || math.IsNaN(score) || math.IsInf(score, 0) {
			return fmt.Errorf("%s: the score %q, want a number", at, fields[2])
		}
		for _, text := range fields[:2] {
			if lacks := known(text); lacks != "" {
				g.Left = append(g.Left, fmt.Sprintf("%s: %s", at, lacks))
				return nil
			}
		}
		texts, g.Scores = append(texts, fields[:2]...), append(g.Scores, score)
		return nil
	})
	if err == nil {
		err = tooManyLeft(l.File, "pairs", g.Left, len(g.Left)+len(g.Scores), l.MaxUnknown)
	}
	if err == nil && len(g.Scores) < 3 {
		err = fmt.Errorf("%s: %d pairs of known %s, want 3 or more", l.File, len(g.Scores), what)
	}
	return texts, g, err
}

// gradedFile is pairs of texts of a file.
type gradedFile struct {
	texts  *written
	scores *evaluations.Graded
}

// gradedTexts are the pairs of texts of a file, which is read once.
func (s *Setup) gradedTexts(l evaluations.Listed) (*written, *evaluations.Graded, error) {
	if f, read := s.graded[l]; read {
		return f.texts, f.scores, nil
	}
	texts, scores, err := s.readGraded(l)
	if err == nil {
		if s.graded == nil {
			s.graded = map[evaluations.Listed]gradedFile{}
		}
		s.graded[l] = gradedFile{texts, scores}
	}
	return texts, scores, err
}

// readGraded reads pairs of texts.
func (s *Setup) readGraded(l evaluations.Listed) (*written, *evaluations.Graded, error) {
	v := s.Data.Train.(datasets.TextSet).Vocabulary()
	texts, g, err := s.scored(l, "texts", func(text string) string {
		for id := range v.Numbers(text) {
			if id != datasets.Unknown {
				return ""
			}
		}
		return fmt.Sprintf("nothing of %.60q is known", text)
	})
	return &written{vocabulary: v, texts: texts, names: func(i int) string {
		return fmt.Sprintf("text %d of pair %d of %s", i%2+1, i/2+1, l.File)
	}}, g, err
}

// wordTasks are the questions of files, which are read once.
func (s *Setup) wordTasks(w evaluations.WordFiles) (*evaluations.WordTasks, error) {
	if t, read := s.words[w]; read {
		return t, nil
	}
	t, err := s.readWords(w)
	if err == nil {
		if s.words == nil {
			s.words = map[evaluations.WordFiles]*evaluations.WordTasks{}
		}
		s.words[w] = t
	}
	return t, err
}

// readWords reads questions and pairs of words.
func (s *Setup) readWords(w evaluations.WordFiles) (*evaluations.WordTasks, error) {
	v := s.Data.Train.(datasets.TextSet).Vocabulary()
	t := &evaluations.WordTasks{Among: frequent(v, w.Among)}
	among := make([]bool, v.Len())
	for _, id := range t.Among {
		among[id] = true
	}
	number := func(word string) int32 {
		var ids [2]int32
		if v.Encode(word, 0, ids[:]) != 1 || !among[ids[0]] {
			return datasets.Unknown
		}
		return ids[0]
	}
	lacks := func(word string) string {
		if number(word) != datasets.Unknown {
			return ""
		}
		return fmt.Sprintf("no word %.40q", word)
	}
	if w.Analogies != "" {
		if err := s.questions(w, t, number, lacks); err != nil {
			return nil, err
		}
	}
	if w.Pairs == "" {
		return t, nil
	}
	words, g, err := s.scored(evaluations.Listed{File: w.Pairs, MaxUnknown: w.MaxUnknown}, "words", lacks)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(words); i += 2 {
		t.Pairs = append(t.Pairs, [2]int32{number(words[i]), number(words[i+1])})
	}
	t.Graded = *g
	return t, nil
}

// questions reads those of a file.
func (s *Setup) questions(w evaluations.WordFiles, t *evaluations.WordTasks, number func(string) int32,
	lacks func(string) string) error {
	section := ""
	err := s.lines(w.Analogies, func(at, line string) error {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), ":"); ok {
			section = strings.TrimSpace(name)
			return nil
		}
		words := strings.Fields(line)
		if len(words) != 4 {
			return fmt.Errorf("%s: %d words (%.60q), want 4: the first is to the second as the third to the fourth", at,
				len(words), line)
		}
		q := evaluations.Question{Section: section}
		for k, word := range words {
			if lack := lacks(word); lack != "" {
				t.Left = append(t.Left, at+": "+lack)
				return nil
			}
			q.Words[k] = number(word)
		}
		t.Questions = append(t.Questions, q)
		return nil
	})
	if err != nil {
		return err
	}
	return tooManyLeft(w.Analogies, "questions", t.Left, len(t.Left)+len(t.Questions), w.MaxUnknown)
}

// frequent are the numbers of the n words that the training texts have most often, of equally frequent ones the first;
// of all where n is 0.
func frequent(v *datasets.Vocabulary, n int) (words []int32) {
	for id := datasets.FirstSymbol; id < v.Len(); id++ {
		words = append(words, int32(id))
	}
	counts := v.Counts()
	slices.SortStableFunc(words, func(a, b int32) int { return counts[b] - counts[a] })
	if n > 0 && n < len(words) {
		words = words[:n]
	}
	return words
}

// checkWritten refuses protocols of texts and words in files where these do not fit the data, and reads the files.
func (s *Setup) checkWritten() error {
	for _, c := range s.Recipe.Evaluate.On {
		graded, words := c.Value.Needs().Graded, c.Value.Needs().Words
		if graded == nil && words == nil {
			continue
		}
		table := "evaluate." + c.Name
		set, ok := s.Data.Train.(datasets.TextSet)
		if !ok {
			return &RecipeError{s.Recipe.File, fmt.Errorf("[%s] is of texts, and the samples of dataset.%s are %s; "+
				"switch it off with [evaluate] %s = false", table, s.Recipe.Dataset.Name, s.Noun(), c.Name)}
		}
		var err error
		switch unit := set.Vocabulary().Unit(); {
		case graded != nil:
			_, _, err = s.gradedTexts(*graded)
		case unit != datasets.Words:
			return s.Recipe.Result.Bad(table, "is of words, and the symbols of dataset.%s are %s; want vocabulary = "+
				"\"words\"", s.Recipe.Dataset.Name, unit)
		default:
			_, err = s.wordTasks(*words)
		}
		if err != nil {
			return &DataError{fmt.Errorf("[%s] %w", table, err)}
		}
	}
	return nil
}

// gradedPairs are the features of pairs of texts.
func (u *subject) gradedPairs(ctx context.Context, l evaluations.Listed) (f evaluations.Features, err error) {
	set, g, err := u.gradedTexts(l)
	if err != nil {
		return f, err
	}
	x, err := u.take(ctx, set)
	return evaluations.Features{TestX: x.x, Dim: x.dim, Graded: g, Seed: uint64(u.Recipe.Seed), Alive: u.alive}, err
}

// ofWords are the features of all words, each a text by itself, and what is asked of them.
func (u *subject) ofWords(ctx context.Context, w evaluations.WordFiles) (f evaluations.Features, err error) {
	f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	if f.Words, err = u.wordTasks(w); err != nil {
		return f, err
	}
	if u.name == u.rawName() {
		f.TestX, f.Dim = informative(u.Data.Train)
		return f, nil
	}
	v := u.Data.Train.(datasets.TextSet).Vocabulary()
	words := v.Symbols()
	set := &written{vocabulary: v, texts: words, names: func(i int) string { return words[i] }}
	x, err := u.take(ctx, set)
	f.TestX, f.Dim = append(make([]float32, datasets.FirstSymbol*x.dim), x.x...), x.dim
	return f, err
}

// Of mutual information: how far a word sees, how many of the most frequent words it sees at most, how many numbers
// all words have together at most, and the power of the counts of what is seen.
const (
	sees      = 5
	seen      = 2048
	seenInAll = 1 << 26
	seenPower = 0.75
)

// informative is the positive pointwise mutual information of each symbol of a set of texts, or of a part of one, and
// of the most frequent symbols around it: [V,Dim].
func informative(of datasets.Labelled) (x []float32, dim int) {
	whole, place := sampling.Whole(of)
	set := whole.(datasets.TextSet)
	v := set.Vocabulary()
	around := frequent(v, max(1, min(seen, seenInAll/v.Len())))
	dim = len(around)
	column := make([]int, v.Len())
	for k, id := range around {
		column[id] = k + 1
	}
	x = make([]float32, v.Len()*dim)
	var ids []int32
	for i := range of.Len() {
		if place != nil {
			i = int(place[i])
		}
		ids = slices.AppendSeq(ids[:0], v.Numbers(set.Text(i)))
		for t, id := range ids {
			for _, near := range ids[max(0, t-sees):min(len(ids), t+sees+1)] {
				if c := column[near]; c > 0 {
					x[int(id)*dim+c-1]++
				}
			}
			if c := column[id]; c > 0 { // it is not around itself
				x[int(id)*dim+c-1]--
			}
		}
	}
	clear(x[:datasets.FirstSymbol*dim])
	rows, columns, total, smoothed := make([]float64, v.Len()), make([]float64, dim), 0.0, 0.0
	for i, n := range x {
		rows[i/dim] += float64(n)
		columns[i%dim] += float64(n)
		total += float64(n)
	}
	for k, n := range columns {
		columns[k] = math.Pow(n, seenPower)
		smoothed += columns[k]
	}
	for i, n := range x {
		if n > 0 {
			x[i] = float32(max(0, math.Log(float64(n)*smoothed/(rows[i/dim]*columns[i%dim]))))
		}
	}
	return x, dim
}

// weighted is tf-idf of texts, which protocols that compare texts by cosines are measured with too; nil: there is none.
func (s *Setup) weighted() *subject {
	if _, texts := s.Data.Train.(datasets.TextSet); !texts {
		return nil
	}
	return &subject{Setup: s, name: feed.Weighted, take: func(ctx context.Context, set datasets.Labelled) (features,
		error) {
		return s.ofField(ctx, set, feed.Weighted)
	}}
}

// comparing are the protocols that compare texts by cosines.
func comparing(ps []evaluations.Protocol) []evaluations.Protocol {
	return slices.DeleteFunc(slices.Clone(ps), func(p evaluations.Protocol) bool {
		_, retrieval := p.(*evaluations.Retrieval)
		return !retrieval && !p.Needs().Halves && p.Needs().Graded == nil
	})
}

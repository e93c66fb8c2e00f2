package experiment

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/captioned"
	"selfsup/evaluations"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/sheet"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/methods"
)

// Images that a method draws of captions, for protocols that have another run judge them.

// judgeOf is the run that a protocol names, with both towers ready: its captions are this run's.
func (s *Setup) judgeOf(dir string) (*Setup, error) {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.Recipe.Dir(), dir)
	}
	t, m, err := OpenTrained("evaluate", dir, false, s.Recipe.Catalog, Options{Messages: io.Discard})
	if err != nil {
		return nil, err
	}
	if _, ok := t.Recipe.Method.Value.(methods.Towers); !ok {
		return nil, &DataError{fmt.Errorf("%s: a run of [method.%s] has no tower for texts; want one of [method.clip]",
			dir, t.Recipe.Method.Name)}
	}
	if err := s.sameWords(dir, m.Encoder); err != nil {
		return nil, err
	}
	t.Kind, t.alive = s.Kind, s.alive
	return t, nil
}

// sameWords refuses a run whose captions are not of this run's symbols, or of another length.
func (s *Setup) sameWords(dir string, e *checkpoint.Encoder) error {
	k, ok := s.Kind.(*captioned.Kind)
	switch {
	case !ok:
		return &DataError{fmt.Errorf("%s reads captions, and the %s of dataset.%s have none; want dataset.captions or "+
			"dataset.scenes", dir, s.Noun(), s.Recipe.Dataset.Name)}
	case e.Caption == nil:
		return &DataError{fmt.Errorf("%s: its checkpoint does not say what words its captions have; want a run on "+
			"captions that this program trained", dir)}
	case e.Caption.Unit != k.Unit() || !slices.Equal(e.Caption.Symbols, k.Symbols()):
		return &DataError{fmt.Errorf("%s: its captions are of %d %s, and these of %d %s, not all the same; want a run "+
			"on the same training captions", dir, len(e.Caption.Symbols), e.Caption.Unit, len(k.Symbols()), k.Unit())}
	case !slices.Equal(e.Caption.Shape, k.Field().Shape):
		return &DataError{fmt.Errorf("%s: its captions have %v %s, and these %v; want [captions] length = %d", dir,
			e.Caption.Shape, k.Unit(), k.Field().Shape, e.Caption.Shape[0])}
	}
	return nil
}

// checkDrawing refuses protocols of drawn images where none are drawn, or nobody can judge them.
func (s *Setup) checkDrawing() error {
	for _, c := range s.Recipe.Evaluate.On {
		needs := c.Value.Needs()
		if needs.Judge == "" {
			continue
		}
		if _, ok := s.Recipe.Method.Value.(methods.Drawing); !ok {
			return &RecipeError{s.Recipe.File, fmt.Errorf("[evaluate.%s] looks at images that were drawn of captions, "+
				"and [method.%s] draws none; want muse, or %[1]s = false", c.Name, s.Recipe.Method.Name)}
		}
		if s.Data.Test == nil {
			return &RecipeError{s.Recipe.File, fmt.Errorf("[evaluate.%s] draws captions of test images, and this "+
				"dataset.%s has no test set", c.Name, s.Recipe.Dataset.Name)}
		}
		if _, err := s.judgeOf(needs.Judge); err != nil {
			return fmt.Errorf("evaluate.%s.judge = %q: %w", c.Name, needs.Judge, err)
		}
		if _, texts := s.heldCaptions(needs.Captions); len(texts) < 2 {
			return &RecipeError{s.Recipe.File, fmt.Errorf("[evaluate.%s] wants two different captions of test images "+
				"or more that no training image has, and dataset.%s has %d", c.Name, s.Recipe.Dataset.Name, len(texts))}
		}
	}
	return nil
}

// heldCaptions are the first captions of test images, each once, that no training image has, and the images' places.
func (s *Setup) heldCaptions(most int) (rows []int32, texts []string) {
	k, seen := s.Kind.(*captioned.Kind), map[string]bool{}
	for i := range s.Data.Train.Len() {
		for _, t := range k.Captions(s.Data.Train, i) {
			seen[strings.ToLower(t)] = true
		}
	}
	for i := 0; i < s.Data.Test.Len() && len(texts) < most; i++ {
		text := k.Captions(s.Data.Test, i)[0]
		if lower := strings.ToLower(text); !seen[lower] {
			seen[lower] = true
			rows, texts = append(rows, int32(i)), append(texts, text)
		}
	}
	return rows, texts
}

// drawBatch is how many captions are drawn at once.
const drawBatch = 25

// Inputs and output of drawGraph.
const keyInput, stepInput, drawnOutput = "key", "step", "drawn"

// drawGraph is what the method draws of drawBatch captions; nil: it draws none, or the data have no captions.
func (s *Setup) drawGraph() (*graph.Graph, error) {
	m, draws := s.Recipe.Method.Value.(methods.Drawing)
	if _, ok := s.Kind.(*captioned.Kind); !ok || !draws {
		return nil, nil
	}
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		b := methods.NewBatch(g, drawBatch, methods.Data{Maker: s.Kind.Evaluation(s.Seen), Samples: s.Seen.Len()})
		x := m.Draw(g, s.encoder(), b, graph.RandomOf(g.Input(keyInput, 2), g.Input(stepInput)))
		want := append(ir.Shape{drawBatch}, s.Input.Shape...)
		if got := op.ShapeOf(x); !got.Equal(want) {
			op.Fail("", "[method.%s] draws %v, want %v", s.Recipe.Method.Name, got, want)
		}
		g.Output(drawnOutput, x)
	})
}

// draw is the images that the method draws of captions, with the weights of a Store, as pictures.
func (s *Setup) draw(ctx context.Context, st *graph.Store, texts []string) (*datasets.Memory, error) {
	g, err := s.drawGraph()
	if err != nil {
		return nil, err
	}
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, err
	}
	in := map[string]ir.Array{}
	for _, name := range []string{captioned.Caption, keyInput, stepInput} {
		if in[name], err = p.Input(name); err != nil {
			return nil, err
		}
	}
	out, err := p.Output(drawnOutput)
	if err != nil {
		return nil, err
	}
	r := datasets.NewRand(uint64(s.Recipe.Seed), "drawing")
	for i := range in[keyInput].F32 {
		in[keyInput].F32[i] = float32(r.Intn(1 << 24))
	}
	k, ids := s.Kind.(*captioned.Kind), in[captioned.Caption]
	h, w, c := out.Shape[1], out.Shape[2], out.Shape[3]
	drawn := &datasets.Memory{Origin: "drawn"}
	for from := 0; from < len(texts); from += drawBatch {
		s.telling(s.doing, from, len(texts))
		if err := s.goOn(ctx); err != nil {
			return nil, err
		}
		some := texts[from:min(from+drawBatch, len(texts))]
		for i := range drawBatch {
			k.Encode(some[min(i, len(some)-1)], ids.I32[i*ids.Shape[1]:(i+1)*ids.Shape[1]])
		}
		in[stepInput].F32[0] = float32(from / drawBatch)
		if err := p.Run(); err != nil {
			return nil, err
		}
		for i := range some {
			m := datasets.Image{}
			m.Reshape(h, w, c)
			for j := range m.Pix {
				v := out.F32[i*h*w*c+j]*s.Views.Std[j%c] + s.Views.Mean[j%c]
				if v != v {
					return nil, fmt.Errorf("the image drawn of %q has a pixel that is no number", some[i])
				}
				m.Pix[j] = uint8(math.Round(255 * float64(min(max(v, 0), 1))))
			}
			drawn.Images = append(drawn.Images, m)
		}
	}
	return drawn, nil
}

// judged has captions drawn and shown to a judge, and leaves a sheet of the drawn images beside the test images.
func (u *subject) judged(ctx context.Context, needs evaluations.Needs) (f evaluations.Features, err error) {
	f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	judge, err := u.judgeOf(needs.Judge)
	if err != nil {
		return f, err
	}
	rows, texts := u.heldCaptions(needs.Captions)
	drawn, err := u.draw(ctx, texts)
	if err != nil {
		return f, err
	}
	image, dim, err := judge.tower(judge.Store, false)
	if err != nil {
		return f, err
	}
	see := func(set datasets.Set, row func(i int) int32) ([]float32, error) {
		return image(ctx, len(texts), func(in ir.Array, from, to int) error {
			list := make([]int32, to-from)
			for i := range list {
				list[i] = row(from + i)
			}
			if err := judge.Views.EvalBatch(in.F32[:len(list)*judge.Views.Size()], set, list); err != nil {
				return &DataError{err}
			}
			return nil
		})
	}
	f.Judged = &evaluations.Judged{Dim: dim}
	if f.Judged.Drawn, err = see(drawn, func(i int) int32 { return int32(i) }); err != nil {
		return f, err
	}
	if f.Judged.Own, err = see(u.Data.Test.(datasets.Set), func(i int) int32 { return rows[i] }); err != nil {
		return f, err
	}
	read, _, err := judge.tower(judge.Store, true)
	if err != nil {
		return f, err
	}
	f.Judged.Texts, err = read(ctx, len(texts), symbols(u.Kind.(*captioned.Kind), texts))
	if err != nil || u.leave == nil || u.name != "trained" {
		return f, err
	}
	title := u.Recipe.Name + ": drawn of captions of test images"
	sh, err := drawnSheet(title, texts, drawn, u.Data.Test.(datasets.Set), rows)
	if err != nil {
		return f, err
	}
	return f, u.leave("drawn.png", sh)
}

// drawnRows are the rows of a sheet of drawn images at most, labelWidth the letters of a line of their captions, where
// words are no longer.
const drawnRows, labelWidth = 24, 24

// wrapped is a text in lines of words.
func wrapped(text string, width int) string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return strings.Join(lines, "\n")
}

// drawnSheet is drawn images with their captions, and the test images that the captions are of.
func drawnSheet(title string, texts []string, drawn *datasets.Memory, set datasets.Set, rows []int32) (*sheet.Sheet,
	error) {
	sh := &sheet.Sheet{Title: title, Columns: []string{"drawn", "test image"}}
	for i, text := range texts[:min(len(texts), drawnRows)] {
		var own datasets.Image
		if err := set.Image(int(rows[i]), &own); err != nil {
			return nil, &DataError{err}
		}
		row := sheet.Row{Label: wrapped(text, labelWidth)}
		for _, m := range []datasets.Image{drawn.Images[i], own} {
			cell := sheet.Cell{H: m.H, W: m.W, C: m.C, Pix: make([]float32, len(m.Pix))}
			for j, v := range m.Pix {
				cell.Pix[j] = float32(v) / 255
			}
			row.Cells = append(row.Cells, cell)
		}
		sh.Rows = append(sh.Rows, row)
	}
	return sh, nil
}

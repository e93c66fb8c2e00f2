package captioned_test

import (
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/captioned"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
)

// told is images with texts.
type told struct {
	datasets.Memory
	texts [][]string
}

func (s *told) Captions(i int) []string { return s.texts[i] }

func set(texts ...[]string) *told {
	s := &told{texts: texts}
	s.Origin = "told"
	for i := range texts {
		s.Images = append(s.Images, datasets.Image{H: 4, W: 4, C: 1, Pix: []uint8{uint8(i), 10, 20, 30, 40, 50, 60, 70,
			80, 90, 100, 110, 120, 130, 140, 150}})
	}
	return s
}

func kind(s captioned.Settings, train, test *told) (*captioned.Kind, error) {
	d := &datasets.Data{Train: train, Channels: 1, Height: 4, Width: 4}
	if test != nil {
		d.Test = test
	}
	p, err := views.New(views.Defaults(), d, 1)
	if err != nil {
		return nil, err
	}
	return captioned.New(s, p, d)
}

func caption(t *testing.T, m feed.Maker, i int, key feed.Key) []int32 {
	t.Helper()
	names := []string{captioned.Caption, feed.View(0)}
	var slots []feed.Slot
	for _, name := range names {
		f, err := m.Field(name)
		if err != nil {
			t.Fatal(err)
		}
		slots = append(slots, feed.NewSlot(f, 1))
	}
	w, err := m.Worker(names)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Make(slots, i, key); err != nil {
		t.Fatal(err)
	}
	if slots[1].F32[0] == 0 && slots[1].F32[5] == 0 {
		t.Error("the view is empty")
	}
	return slots[0].I32
}

// Words are numbered in order from 2, without regard to case and signs; what training lacks is 1, what is not there 0.
// A part of a set has the captions of its samples.
func TestWords(t *testing.T) {
	train := set([]string{"A red-hot Pepper!"}, []string{"a face"}, []string{"red"})
	k, err := kind(captioned.Defaults(), train, set([]string{"a green face"}))
	if err != nil {
		t.Fatal(err)
	}
	if f := k.Field(); !slices.Equal(f.Shape, []int{4}) || !f.Int || !slices.Equal(f.Of, []int{7}) {
		t.Errorf("the field is %+v, want [4] of 7 symbols: a, face, hot, pepper, red and two more", f)
	}
	part := sampling.Part(train, []int32{2, 0})
	for i, want := range [][]int32{{6, 0, 0, 0}, {2, 6, 4, 5}} {
		if got := caption(t, k.Training(part), i, feed.Key{}); !slices.Equal(got, want) {
			t.Errorf("caption %d is %v, want %v", i, got, want)
		}
	}
	got := make([]int32, 4)
	if k.Encode("a GREEN face", got); !slices.Equal(got, []int32{2, 1, 3, 0}) {
		t.Errorf("got %v, want the unknown word as 1", got)
	}
}

func TestCharacters(t *testing.T) {
	s := captioned.Defaults()
	s.Symbols, s.Length, s.Cut = "characters", 2, true
	k, err := kind(s, set([]string{"abc"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := caption(t, k.Evaluation(set([]string{"abc"})), 0, feed.Key{}); !slices.Equal(got, []int32{2, 3}) {
		t.Errorf("got %v, want a and b", got)
	}
}

// One of several captions is drawn by step and row, and nothing else; evaluation takes the first.
func TestDrawnCaption(t *testing.T) {
	train := set([]string{"one", "two", "three"})
	k, err := kind(captioned.Defaults(), train, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := map[int32]int{}
	for step := range 300 {
		key := feed.Key{Seed: 7, Step: step, Row: 3}
		one := caption(t, k.Training(train), 0, key)[0]
		if again := caption(t, k.Training(train), 0, key)[0]; again != one {
			t.Fatalf("step %d has caption %d and then %d", step, one, again)
		}
		count[one]++
		if first := caption(t, k.Evaluation(train), 0, key)[0]; first != 2 { // one, three, two
			t.Fatalf("evaluation takes %d, want the first", first)
		}
	}
	for w := int32(2); w < 5; w++ {
		if count[w] < 70 || count[w] > 130 {
			t.Errorf("drawn %v, want each about 100 times", count)
		}
	}
}

func TestRefusals(t *testing.T) {
	three := captioned.Defaults()
	three.Length = 3
	for _, c := range []struct {
		s           captioned.Settings
		train, test *told
		want        string
	}{
		{captioned.Defaults(), set([]string{"a"}, nil), nil, "told[1] has no caption"},
		{captioned.Defaults(), set([]string{"a"}), set([]string{}), "has no caption"},
		{three, set([]string{"a"}, []string{"one two three four"}), nil,
			`3: the caption "one two three four" of told[1] has 4 words`},
	} {
		_, err := kind(c.s, c.train, c.test)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	bad := captioned.Settings{Symbols: "letters", Length: -1}
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "letters") || !strings.Contains(err.Error(),
		"-1") {
		t.Errorf("got %v, want both faults", err)
	}
}

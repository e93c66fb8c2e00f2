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

// The partner is the image that shares the rarest words; of equals the first, and alone an image is its own.
func TestPartners(t *testing.T) {
	train := set([]string{"a red cat"}, []string{"a red dog"}, []string{"a blue cat", "a cat"}, []string{"blue sea"},
		[]string{"xyz"})
	s := captioned.Defaults()
	k, err := kind(s, train, nil)
	if err != nil {
		t.Fatal(err)
	}
	// N = 5: a (3 images) ln(6/4)+1 = 1.405, red, cat and blue (2) ln(6/3)+1 = 1.693, dog, sea, xyz (1) ln(6/2)+1 =
	// 2.099. Squares: a 1.975, red, cat, blue 2.867, dog, sea 4.404. Image 0: with 1 (a, red) 4.842/sqrt(9.246), with
	// 2 (a, cat) 4.842/sqrt(7.709): 2. Image 1: with 0 4.842/sqrt(7.709), with 2 (a) less: 0. Image 2: with 0
	// 4.842/sqrt(7.709) = 1.744, with 3 (blue) 2.867/sqrt(7.271) = 1.063: 0. Image 3: 2 alone.
	want := []int{2, 0, 0, 2, 4}
	m := k.Training(train)
	w, err := m.Worker([]string{captioned.Partner, captioned.Caption})
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Field(captioned.Partner)
	if err != nil || !slices.Equal(f.Shape, []int{4, 4, 1}) {
		t.Fatal(f, err)
	}
	own, err := m.Worker([]string{feed.View(1)})
	if err != nil {
		t.Fatal(err)
	}
	got, view := feed.NewSlot(f, 1), feed.NewSlot(f, 1)
	caption := feed.NewSlot(k.Field(), 1)
	for i, j := range want {
		key := feed.Key{Seed: 1, Step: 3, Row: i}
		if err := w.Make([]feed.Slot{got, caption}, i, key); err != nil {
			t.Fatal(err)
		}
		if err := own.Make([]feed.Slot{view}, j, key); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.F32, view.F32) {
			t.Errorf("the partner of image %d is not view 1 of image %d", i, j)
		}
	}
	if _, err := k.Evaluation(train).Field(captioned.Partner); err == nil {
		t.Error("there are partners in evaluation, where nothing is drawn")
	}
}

// A share of the training images has the captions of others, the same ones in a part of the set; a test set has its
// own.
func TestWrongCaptions(t *testing.T) {
	texts := func() (all [][]string) {
		for i := range 20 {
			all = append(all, []string{string(rune('a' + i))})
		}
		return all
	}
	train, test := set(texts()...), set(texts()...)
	s := captioned.Defaults()
	s.Wrong = 0.4
	k, err := kind(s, train, test)
	if err != nil {
		t.Fatal(err)
	}
	wrong, seen := 0, map[string]bool{}
	part := sampling.Part(train, []int32{7, 3, 19})
	for i := range 20 {
		got := k.Captions(train, i)[0]
		if seen[got] {
			t.Errorf("two images have the caption %q", got)
		}
		seen[got] = true
		if is := got != texts()[i][0]; is != k.IsWrong(train, i) {
			t.Errorf("image %d has %q, and IsWrong says %v", i, got, !is)
		} else if is {
			wrong++
		}
		if k.Captions(test, i)[0] != texts()[i][0] || k.IsWrong(test, i) {
			t.Errorf("test image %d has another one's caption", i)
		}
		symbols := caption(t, k.Training(train), i, feed.Key{})
		if int(symbols[0]) != datasets.Unknown+1+int(got[0]-'a') {
			t.Errorf("image %d is fed %v, want %q", i, symbols, got)
		}
	}
	if wrong != 8 {
		t.Errorf("%d of 20 captions are wrong, want 0.4 of them", wrong)
	}
	for at, i := range []int{7, 3, 19} {
		if k.Captions(part, at)[0] != k.Captions(train, i)[0] {
			t.Errorf("image %d has another caption in a part of the set", i)
		}
	}
}

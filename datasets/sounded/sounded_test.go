package sounded_test

import (
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/frames"
	"selfsup/datasets/sampling"
	"selfsup/datasets/scenes"
	"selfsup/datasets/sounded"
	"selfsup/datasets/views"
	"selfsup/datasets/windows"
)

func open(t *testing.T) (*sounded.Kind, *datasets.Data) {
	t.Helper()
	s := scenes.New()
	s.Form, s.Count, s.Held, s.Size, s.Frames = "clips", 6, 2, 16, 8
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	v := views.Defaults()
	v.Flip = views.PerView{0.5}
	k, err := frames.New(frames.Defaults(), v, d, 2)
	if err != nil {
		t.Fatal(err)
	}
	w := windows.Defaults()
	w.Spectrogram.Bands = 20
	both, err := sounded.New(k, w, d.Train.(datasets.SoundedSet), d.Test)
	if err != nil {
		t.Fatal(err)
	}
	return both, d
}

// A clip's sound is its own, in parts of a set too, beside its views and in whatever order fields are asked for.
func TestSounds(t *testing.T) {
	k, d := open(t)
	f, err := k.Field()
	if err != nil || !slices.Equal(f.Shape, []int{100, 20, 1}) || f.Name != sounded.Sound {
		t.Fatal(f, err)
	}
	key := feed.Key{Seed: 1, Step: 3, Row: 2}
	whole := k.Training(d.Train)
	want := feedtest.One(t, whole, sounded.Sound, 4, key).F32
	if slices.Equal(want, feedtest.One(t, whole, sounded.Sound, 3, key).F32) {
		t.Error("two clips have the same sound")
	}
	part := k.Training(sampling.Part(d.Train, []int32{5, 4}))
	if got := feedtest.One(t, part, sounded.Sound, 1, key).F32; !slices.Equal(got, want) {
		t.Error("clip 1 of a part does not sound as clip 4 of the whole, which it is")
	}
	names := []string{"view1", sounded.Statistics, sounded.Sound, "view0"}
	w, err := part.Worker(names)
	if err != nil {
		t.Fatal(err)
	}
	var to []feed.Slot
	for _, name := range names {
		f, err := part.Field(name)
		if err != nil {
			t.Fatal(err)
		}
		to = append(to, feed.NewSlot(f, 1))
	}
	if err := w.Make(to, 1, key); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if alone := feedtest.One(t, part, name, 1, key).F32; !slices.Equal(alone, to[i].F32) && name != "view0" &&
			name != "view1" {
			t.Errorf("%s among others is not what it is alone", name)
		}
		if slices.Max(to[i].F32) == slices.Min(to[i].F32) {
			t.Errorf("%s is all %v", name, to[i].F32[0])
		}
	}
	if _, err := part.Field("caption"); err == nil || !strings.Contains(err.Error(), "sound_statistics") ||
		!strings.Contains(err.Error(), frames.Camera) {
		t.Errorf("a field that is not there: %v", err)
	}
	if g, ok := part.(feed.Grouped); !ok || len(g.Groups()) != 0 {
		t.Error("the groups of views are lost")
	}
}

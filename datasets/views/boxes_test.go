package views_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/proposals"
	"selfsup/datasets/sampling"
	"selfsup/datasets/scenes"
	"selfsup/datasets/views"
)

func boxed(t *testing.T, change func(*views.Settings)) (datasets.Set, feed.Maker) {
	t.Helper()
	source := scenes.New()
	source.Count, source.Held = 40, 0
	d, err := source.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	s := views.Defaults()
	s.Crop, s.Jitter, s.Grayscale = 32, views.PerView{0}, views.PerView{0}
	change(&s)
	p, err := views.New(s, d, 1)
	if err != nil {
		t.Fatal(err)
	}
	set := d.Train.(datasets.Set)
	return set, views.NewMaker(set, p)
}

func slots(t *testing.T, m feed.Maker, names ...string) (feed.Worker, []feed.Slot) {
	t.Helper()
	w, err := m.Worker(names)
	if err != nil {
		t.Fatal(err)
	}
	var to []feed.Slot
	for _, name := range names {
		f, err := m.Field(name)
		if err != nil {
			t.Fatal(err)
		}
		to = append(to, feed.NewSlot(f, 1))
	}
	return w, to
}

// Boxes of a view are those of the image where the view is the image, mirrored where it is mirrored, and where views
// are crops each corner comes from where Point says.
func TestBoxesFollowViews(t *testing.T) {
	set, whole := boxed(t, func(s *views.Settings) {
		s.CropArea, s.CropRatio, s.Flip = [2]float64{1, 1}, [2]float64{1, 1}, nil
	})
	_, crops := boxed(t, func(s *views.Settings) { s.CropArea, s.Flip = [2]float64{0.3, 0.8}, views.PerView{0.5} })
	names := []string{views.Boxes, views.BoxClasses, "params0"}
	w, to := slots(t, whole, names...)
	c, cut := slots(t, crops, names...)
	kept, all := 0, 0
	for i := range set.Len() {
		truth, err := set.(datasets.BoxSet).Boxes(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		key := feed.Key{Seed: 1, Step: 2, Row: i}
		if err := w.Make(to, i, key); err != nil {
			t.Fatal(err)
		}
		for k, class := range to[1].I32 {
			if k >= len(truth) {
				if class != -1 {
					t.Fatalf("image %d: box %d of %d has class %d", i, k, len(truth), class)
				}
				continue
			}
			b, o := to[0].F32[4*k:4*k+4], truth[k]
			want := []float64{(o.X0 + o.X1) / 2, (o.Y0 + o.Y1) / 2, o.X1 - o.X0, o.Y1 - o.Y0}
			for j := range want {
				if math.Abs(float64(b[j])-want[j]) > 1e-6 || int(class) != o.Class {
					t.Fatalf("image %d: box %d is %v of class %d, want %v of %d", i, k, b, class, want, o.Class)
				}
			}
		}
		if err := c.Make(cut, i, key); err != nil {
			t.Fatal(err)
		}
		all += len(truth)
		for k, class := range cut[1].I32 {
			if class < 0 {
				continue
			}
			kept++
			b := cut[0].F32[4*k : 4*k+4]
			fits := false
			for _, o := range truth {
				good := int(class) == o.Class
				for _, at := range [2]float64{-0.5, 0.5} {
					x, y := float64(b[0])+at*float64(b[2]), float64(b[1])+at*float64(b[3])
					iy, ix := views.Point(cut[2].F32, 32, 32, y, x)
					onX := math.Abs(ix-o.X0) < 1e-5 || math.Abs(ix-o.X1) < 1e-5 || x < 1e-6 || x > 1-1e-6
					onY := math.Abs(iy-o.Y0) < 1e-5 || math.Abs(iy-o.Y1) < 1e-5 || y < 1e-6 || y > 1-1e-6
					good = good && onX && onY
				}
				fits = fits || good
			}
			if !fits {
				t.Fatalf("image %d: box %v of class %d of the crop %v comes from none of %v", i, b, class,
					cut[2].F32[:5], truth)
			}
		}
	}
	if kept < all/4 || kept == all {
		t.Errorf("crops keep %d of %d boxes; want some and not all", kept, all)
	}
}

// A part of a set has the boxes of its own images; boxes with views are the same as without them.
func TestBoxesOfAPart(t *testing.T) {
	set, m := boxed(t, func(*views.Settings) {})
	part := sampling.Part(set, []int32{7, 3})
	s := views.Defaults()
	s.Crop = 32
	p, err := views.New(s, &datasets.Data{Train: part, Channels: 3, Height: 64, Width: 64}, 1)
	if err != nil {
		t.Fatal(err)
	}
	a, of := slots(t, views.NewMaker(part.(datasets.Set), p), views.Boxes)
	b, all := slots(t, m, views.Boxes, "view0", "params0")
	key := feed.Key{Seed: 5}
	if err := a.Make(of, 1, key); err != nil {
		t.Fatal(err)
	}
	if err := b.Make(all, 3, key); err != nil {
		t.Fatal(err)
	}
	for k, v := range of[0].F32 {
		if v != all[0].F32[k] {
			t.Fatalf("boxes %v of image 1 of the part, want those of image 3: %v", of[0].F32, all[0].F32)
		}
	}
}

// Views that are turned have no boxes, and sets without boxes neither; proposals are of any image.
func TestBoxesRefused(t *testing.T) {
	_, turned := boxed(t, func(s *views.Settings) { s.Rotate, s.RotateDegrees = views.PerView{0.5}, [2]float64{-9, 9} })
	if _, err := turned.Field(views.Boxes); err == nil || !strings.Contains(err.Error(), "views.rotate turns") {
		t.Errorf("got %v, want that views.rotate turns them", err)
	}
	set, _ := boxed(t, func(*views.Settings) {})
	var m datasets.Image
	if err := set.Image(0, &m); err != nil {
		t.Fatal(err)
	}
	plain := &datasets.Memory{Images: []datasets.Image{m}, Origin: "memory"}
	s := views.Defaults()
	s.Crop = 32
	p, err := views.New(s, &datasets.Data{Train: plain, Channels: 3, Height: 64, Width: 64}, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.Finder = func() views.Finder { return &proposals.Search{} }
	maker := views.NewMaker(plain, p)
	if _, err := maker.Field(views.Boxes); err == nil || !strings.Contains(err.Error(), `no field "boxes"`) {
		t.Errorf("got %v, want no field", err)
	}
	if _, err := maker.Field("proposals0"); err == nil || !strings.Contains(err.Error(), "want 1 to 256") {
		t.Errorf("got %v, want a number of proposals", err)
	}
	w, to := slots(t, maker, "proposals6", "proposal_classes6", "proposals2", "view0")
	if err := w.Make(to, 0, feed.Key{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	found := 0
	for k, class := range to[1].I32 {
		b := to[0].F32[4*k : 4*k+4]
		if class == 0 {
			found++
			if box := (datasets.Box{X0: float64(b[0] - b[2]/2), Y0: float64(b[1] - b[3]/2), X1: float64(b[0] + b[2]/2),
				Y1: float64(b[1] + b[3]/2)}); box.Check() != nil {
				t.Error(box.Check())
			}
		} else if class != -1 || b[2] != 0 {
			t.Errorf("proposal %d is %v of class %d", k, b, class)
		}
	}
	if found == 0 || to[2].F32[0] != to[0].F32[0] {
		t.Errorf("%d proposals; the first of two is %v, of six %v", found, to[2].F32[:4], to[0].F32[:4])
	}
}

// A box outside the image is refused, and says what would be inside.
func TestBoxOutside(t *testing.T) {
	for want, b := range map[string]datasets.Box{
		"outside the image; want 0 <= x0 < x1 <= 1": {X0: -0.1, Y0: 0, X1: 0.5, Y1: 0.5},
		"inside it [0.5 0 1 0.5]":                   {X0: 0.5, Y0: 0, X1: 1.2, Y1: 0.5},
		"is empty; want x0 < x1":                    {X0: 0.5, Y0: 0, X1: 0.5, Y1: 0.5},
	} {
		if err := b.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", b, err, want)
		}
	}
}

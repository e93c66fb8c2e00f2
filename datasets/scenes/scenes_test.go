package scenes

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"selfsup/datasets"
)

func part(t testing.TB, change func(*Scenes)) *Set {
	t.Helper()
	s := New()
	if change != nil {
		change(s)
	}
	set, err := s.Set("train", 200)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A scene is the same whoever draws it, in whatever order and on however many goroutines; another seed, part or number
// is another scene.
func TestDeterministic(t *testing.T) {
	set := &imageSet{part(t, nil)}
	want := make([]datasets.Image, 64)
	for i := range want {
		if err := set.Image(i, &want[i]); err != nil {
			t.Fatal(err)
		}
	}
	again := &imageSet{part(t, nil)}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			var m datasets.Image
			for i := len(want) - 1; i >= 0; i-- {
				if err := again.Image(i, &m); err != nil || !bytes.Equal(m.Pix, want[i].Pix) {
					t.Errorf("worker %d: scene %d differs (%v)", worker, i, err)
				}
			}
		}()
	}
	all.Wait()
	var other datasets.Image
	for name, s := range map[string]*imageSet{
		"seed": {part(t, func(s *Scenes) { s.Seed = 1 })},
		"part": {func() *Set { p, _ := New().Set("test", 200); return p }()},
	} {
		if s.Image(3, &other); bytes.Equal(other.Pix, want[3].Pix) {
			t.Errorf("another %s draws the same image", name)
		}
	}
	if bytes.Equal(want[0].Pix, want[1].Pix) {
		t.Error("scenes 0 and 1 are the same")
	}
}

// Depth, motion, boxes and masks of a frame agree with what the scene says of each object, and nearer objects hide
// farther ones.
func TestFieldsAgree(t *testing.T) {
	set := part(t, nil)
	var f Frame
	hidden := 0
	for i := range 100 {
		w := set.Scene(i)
		set.Draw(w, 0.25, 0.125, &f)
		for at, k := range f.Instances {
			z := w.Depth
			if k > 0 {
				z = w.Objects[k-1].Depth
			}
			if f.Depth[at] != float32(z) {
				t.Fatalf("scene %d: pixel %d shows %d at depth %v, want %v", i, at, k, f.Depth[at], z)
			}
		}
		boxes := set.Boxes(w, f.Instances, nil)
		for _, b := range boxes {
			if err := b.Check(); err != nil {
				t.Fatal(err)
			}
			mine, x1, y0 := 0, 0, set.Size
			for at, k := range f.Instances {
				x, y := float64(at%set.Size)/float64(set.Size), float64(at/set.Size)/float64(set.Size)
				if k > 0 && w.Objects[k-1].Class == b.Class && x >= b.X0 && x < b.X1 && y >= b.Y0 && y < b.Y1 {
					mine, x1, y0 = mine+1, max(x1, at%set.Size+1), min(y0, at/set.Size)
				}
			}
			if float64(x1)/float64(set.Size) != b.X1 || float64(y0)/float64(set.Size) != b.Y0 {
				t.Fatalf("scene %d: the box %v of class %d is not tight: pixels end at %d and begin at row %d", i, b,
					b.Class, x1, y0)
			}
		}
		hidden += len(w.Objects) - len(boxes)
	}
	if hidden == 0 {
		t.Error("no object of 100 scenes has left the image or is hidden after a quarter of a second; want some")
	}
}

// Almost every object of a first frame is to be seen.
func TestObjectsAreSeen(t *testing.T) {
	set := &imageSet{part(t, nil)}
	objects, boxes := 0, 0
	for i := range set.Len() {
		b, err := set.Boxes(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		objects, boxes = objects+len(set.Scene(i).Objects), boxes+len(b)
		if len(b) > set.MostBoxes() {
			t.Fatalf("scene %d has %d boxes, at most %d were promised", i, len(b), set.MostBoxes())
		}
	}
	if float64(boxes) < 0.98*float64(objects) {
		t.Errorf("%d of %d objects have a box, want 98 %%", boxes, objects)
	}
}

// Following the motion of a frame leads to the same colours in the next: for most of the pixels that show the same
// thing in both.
func TestMotionFollowsPixels(t *testing.T) {
	set := part(t, func(s *Scenes) { s.Size = 96 })
	const after = 0.125
	var a, b Frame
	moved, still, n := 0.0, 0.0, 0
	for i := range 40 {
		w := set.Scene(i)
		set.Draw(w, 0, after, &a)
		set.Draw(w, after, after, &b)
		for at, k := range a.Instances {
			x := float64(at%set.Size) + float64(a.Motion[2*at])
			y := float64(at/set.Size) + float64(a.Motion[2*at+1])
			if x < 0 || y < 0 || x >= float64(set.Size-1) || y >= float64(set.Size-1) {
				continue
			}
			to := int(y)*set.Size + int(x)
			if b.Instances[to] != k || b.Instances[to+set.Size+1] != k {
				continue
			}
			fx, fy := x-math.Floor(x), y-math.Floor(y)
			for c := range 3 {
				p := func(at int) float64 { return float64(b.Image.Pix[3*at+c]) }
				there := (1-fy)*((1-fx)*p(to)+fx*p(to+1)) + fy*((1-fx)*p(to+set.Size)+fx*p(to+set.Size+1))
				own := float64(a.Image.Pix[3*at+c])
				moved, still, n = moved+math.Abs(there-own), still+math.Abs(p(at)-own), n+1
			}
		}
	}
	moved, still = moved/float64(n), still/float64(n)
	if moved > 0.35*still || n < 100000 {
		t.Errorf("colours differ by %.2f along the motion and by %.2f in place, over %d; want at most 0.35 as much",
			moved, still, n)
	}
}

// Objects sound when they meet their floor, and not before; each class has a pitch of its own.
func TestSound(t *testing.T) {
	set := part(t, func(s *Scenes) { s.Objects = [2]int{1, 1} })
	pitches := map[int][]float64{}
	for i := range set.Len() {
		w := set.Scene(i)
		hits := w.Impacts(set.Duration())
		if len(hits) == 0 {
			t.Fatalf("scene %d has no impact in %v s", i, set.Duration())
		}
		wave := make([]float32, int(set.Duration()*SoundRate))
		set.Sound(w, 0, wave)
		first := slices.IndexFunc(wave, func(v float32) bool { return v != 0 })
		if want := hits[0].Time * SoundRate; math.Abs(float64(first)-want) > 2 {
			t.Fatalf("scene %d sounds from sample %d on, its impact is at %.1f", i, first, want)
		}
		if o := w.Objects[0]; o.lifted(hits[0].Time) > 1e-9 {
			t.Fatalf("scene %d: at the impact the object is %v above its floor", i, o.lifted(hits[0].Time))
		}
		for _, v := range wave {
			if !(v > -1 && v < 1) {
				t.Fatalf("scene %d has a sample of %v", i, v)
			}
		}
		later := make([]float32, 1000)
		set.Sound(w, 2000, later)
		if !slices.Equal(later, wave[2000:3000]) {
			t.Fatalf("scene %d: a window differs from that part of the whole", i)
		}
		end := min(first+400, len(wave))
		pitches[w.Objects[0].Class] = append(pitches[w.Objects[0].Class], loudestPitch(wave[first:end]))
	}
	for a, of := range pitches {
		for _, p := range of {
			near, distance := -1, math.Inf(1)
			for b := range pitches {
				if d := math.Abs(math.Log(p / (lowest * math.Pow(interval, float64(b))))); d < distance {
					near, distance = b, d
				}
			}
			if len(of) > 5 && near != a && distance > 0.15 {
				t.Errorf("class %d sounds at %.0f Hz, which is class %d's", a, p, near)
			}
		}
	}
}

// loudestPitch is the frequency of most energy, in Hz.
func loudestPitch(wave []float32) float64 {
	best, most := 0.0, 0.0
	for f := 100.0; f < 3500; f *= 1.01 {
		var re, im float64
		for n, v := range wave {
			sin, cos := math.Sincos(2 * math.Pi * f * float64(n) / SoundRate)
			re, im = re+float64(v)*cos, im+float64(v)*sin
		}
		if e := re*re + im*im; e > most {
			best, most = f, e
		}
	}
	return best
}

// Captions name all objects, nearest first.
func TestWords(t *testing.T) {
	set := part(t, nil)
	for i := range set.Len() {
		w := set.Scene(i)
		words := set.Words(w)
		at := 0
		for _, o := range w.Objects {
			next := strings.Index(words[1][at:], set.classes[o.Class])
			if next < 0 {
				t.Fatalf("scene %d: %q does not name class %q after %q", i, words[1], set.classes[o.Class],
					words[1][:at])
			}
			at += next
			if name := set.drawings[o.Class*set.perClass+o.Drawing].name; !strings.Contains(words[0], name) {
				t.Fatalf("scene %d: %q does not name %q", i, words[0], name)
			}
		}
	}
	if got, want := sentence([]string{"owl", "grapes", "red apple"}, "grass"),
		"an owl in front of grapes and a red apple, before grass"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The archive has ten drawings of each of ten classes and eight photographs, each with a word.
func TestMaterial(t *testing.T) {
	m, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.classes) != 10 || len(m.drawings) != 100 || m.perClass != 10 || len(m.grounds) != 8 {
		t.Errorf("%d classes, %d drawings, %d of a class, %d photographs; want 10, 100, 10, 8", len(m.classes),
			len(m.drawings), m.perClass, len(m.grounds))
	}
	for _, g := range m.grounds {
		if g.name == "" {
			t.Error("a photograph has no word")
		}
	}
	for i, d := range m.drawings {
		if d.class != i/m.perClass {
			t.Errorf("drawing %d, %s, is of class %d", i, d.name, d.class)
		}
	}
}

// Every kind of samples opens, and settings that cannot work are refused with what would.
func TestOpen(t *testing.T) {
	for form, check := range map[string]func(datasets.Labelled) bool{
		"images": func(l datasets.Labelled) bool {
			_, masks := l.(datasets.MaskSet)
			_, boxes := l.(datasets.BoxSet)
			_, texts := l.(datasets.CaptionSet)
			return masks && boxes && texts
		},
		"clips":  func(l datasets.Labelled) bool { c, ok := l.(datasets.ClipSet); return ok && c.Frames() == 8 },
		"sounds": func(l datasets.Labelled) bool { w, ok := l.(datasets.WaveSet); return ok && w.Samples(0) == 8000 },
	} {
		s := New()
		s.Count, s.Held, s.Form = 20, 10, form
		d, err := s.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if !check(d.Train) || !check(d.Test) || d.Train.Len() != 20 || d.Test.Len() != 10 {
			t.Errorf("%s: %T and %T of %d and %d", form, d.Train, d.Test, d.Train.Len(), d.Test.Len())
		}
	}
	for want, change := range map[string]func(*Scenes){
		"count: 0: want at least 1":                    func(s *Scenes) { s.Count = 0 },
		"size: 8: want at least 16":                    func(s *Scenes) { s.Size = 8 },
		"size: 2048: want at most 1024":                func(s *Scenes) { s.Size = 2048 },
		"objects: [0 4]: want the fewest and the most": func(s *Scenes) { s.Objects = [2]int{0, 4} },
		"objects: [1 9]: want the fewest and the most": func(s *Scenes) { s.Objects = [2]int{1, 9} },
		"scale: [0.5 0.2]: want the farthest":          func(s *Scenes) { s.Scale = [2]float64{0.5, 0.2} },
		`samples: "films": want "images", "clips" or`:  func(s *Scenes) { s.Form = "films" },
		"frames: 0: want at least 1":                   func(s *Scenes) { s.Frames = 0 },
		"rate: 0: want a number above 0":               func(s *Scenes) { s.Rate = 0 },
		"at 10000 frames a second they last no sample of": func(s *Scenes) {
			s.Form, s.Frames, s.Rate = "sounds", 1, 1e4
		},
	} {
		s := New()
		change(s)
		if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := (&imageSet{part(t, nil)}).Image(200, &datasets.Image{}); err == nil {
		t.Error("scene 200 of 200 is no error")
	}
}

func BenchmarkImage(b *testing.B) {
	set := &imageSet{part(b, nil)}
	var m datasets.Image
	for b.Loop() {
		for i := range 100 {
			if err := set.Image(i, &m); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "images/s")
}

// BenchmarkFrame draws a frame with boxes, masks, depth and motion.
func BenchmarkFrame(b *testing.B) {
	set := part(b, nil)
	var f Frame
	var boxes []datasets.ClassBox
	for b.Loop() {
		for i := range 100 {
			w := set.Scene(i)
			set.Draw(w, 0, 0.125, &f)
			boxes = set.Boxes(w, f.Instances, boxes[:0])
		}
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "frames/s")
}

// What is said of a clip's pixels, camera and sound agrees with itself: the ground moves as the camera says, whatever
// moves otherwise is an object that moves by itself, and the sound is that of the scene.
func TestClipsAgree(t *testing.T) {
	set := &clipSet{part(t, nil), nil}
	set.sounds = &soundSet{set.Set}
	var now, next datasets.Survey
	clip := make([]datasets.Image, set.Frames())
	moving := 0
	for i := range 20 {
		w := set.Scene(i)
		if err := set.Survey(i, 3, &now); err != nil {
			t.Fatal(err)
		}
		a, b := set.Camera(i, 3), set.Camera(i, 4)
		for at, z := range now.Depth {
			for axis := range 2 {
				fixed := -(b[axis] - a[axis]) / float64(z) * float64(set.Size)
				got := float64(now.Motion[2*at+axis])
				if !now.Moves[at] && math.Abs(got-fixed) > 1e-4 {
					t.Fatalf("scene %d: pixel %d of the ground moves by %v, want %v", i, at, got, fixed)
				}
				if now.Moves[at] && math.Abs(got-fixed) > 1e-3 {
					moving++
				}
			}
			if now.Moves[at] == (float64(z) == w.Depth) {
				t.Fatalf("scene %d: pixel %d at depth %v moves by itself: %v", i, at, z, now.Moves[at])
			}
		}
		var s [5]float64
		set.Source(i, s[:])
		if s[0] != w.Camera[0] || s[1] != w.Camera[1] || s[4] != w.Objects[0].Depth || len(set.SourceNames()) != 5 {
			t.Fatalf("scene %d: sources %v of %+v", i, s, w)
		}
		if err := set.Clip(i, clip); err != nil {
			t.Fatal(err)
		}
		var last datasets.Image
		if err := set.Frame(i, len(clip)-1, &last); err != nil || !slices.Equal(last.Pix, clip[len(clip)-1].Pix) {
			t.Fatalf("scene %d: the last frame by itself is not the clip's (%v)", i, err)
		}
		wave := make([]float32, set.Sounds().Samples(i))
		want := make([]float32, len(wave))
		if err := set.Sounds().Window(i, 0, wave); err != nil {
			t.Fatal(err)
		}
		set.Sound(w, 0, want)
		if !slices.Equal(wave, want) || slices.Max(wave) == 0 || len(wave) != SoundRate*set.Frames()/8 {
			t.Fatalf("scene %d: the clip's sound is not the scene's", i)
		}
	}
	if moving == 0 {
		t.Error("nothing moves beside the camera")
	}
	still := &clipSet{part(t, func(s *Scenes) { s.Drift, s.Bounce = 0, [2]float64{} }), nil}
	for i := range 5 {
		if err := errors.Join(still.Survey(i, 2, &now), still.Survey(i, 0, &next)); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(now.Moves, true) {
			t.Fatalf("scene %d: something moves by itself where nothing drifts or bounces", i)
		}
	}
}

package frames_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/frames"
	"selfsup/datasets/scenes"
	"selfsup/datasets/views"
)

// Where the camera is follows what a view does to its frames: it is mirrored with them, and moves faster in a crop.
func TestCamera(t *testing.T) {
	s := scenes.New()
	s.Form, s.Count, s.Held, s.Size, s.Frames = "clips", 6, 0, 32, 8
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	set := d.Train.(datasets.CameraSet)
	v := views.Defaults()
	v.Flip, v.CropArea = views.PerView{0.5}, [2]float64{0.3, 1}
	c := frames.Defaults()
	c.Frames, c.Stride = 3, [2]int{1, 2}
	open := func(v views.Settings) *frames.Kind {
		k, err := frames.New(c, v, d, 1)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	m := open(v).Training(d.Train)
	if f, err := m.Field(frames.Camera); err != nil || !slices.Equal(f.Shape, []int{3, 2}) {
		t.Fatal(f, err)
	}
	velocity := set.Camera(2, 1)
	mirrored, fast, strides := 0, 0, map[int]bool{}
	for step := range 60 {
		key := feed.Key{Seed: 1, Step: step}
		at := feedtest.One(t, m, frames.Camera, 2, key).F32
		p := feedtest.One(t, m, "params0", 2, key).F32
		by := views.Magnified(p)
		stride := int(math.Round(float64(at[2]) / (velocity[0] * by[0])))
		if strides[stride] = true; stride < 1 || stride > 2 {
			t.Fatalf("step %d: the second frame is %d frames after the first", step, stride)
		}
		for f := range 3 {
			for axis := range 2 {
				want := velocity[axis] * by[axis] * float64(f*stride)
				if math.Abs(float64(at[2*f+axis])-want) > 1e-6 {
					t.Fatalf("step %d: camera %v, want %v at frame %d", step, at, want, f)
				}
			}
		}
		if by[0] < 0 {
			mirrored++
		}
		if math.Abs(by[0]) > 1.2 {
			fast++
		}
	}
	if mirrored < 15 || mirrored > 45 || fast == 0 || len(strides) != 2 {
		t.Errorf("%d of 60 views are mirrored, %d are enlarged, with strides %v", mirrored, fast, strides)
	}
	fixed := feedtest.One(t, open(v).Evaluation(d.Train), frames.Camera, 2, feed.Key{}).F32
	if want := float32(2 * velocity[1]); math.Abs(float64(fixed[5]-want)) > 1e-6 {
		t.Errorf("in evaluation the camera is at %v, want %v down at the last frame", fixed, want)
	}
	v.Rotate = views.PerView{1}
	if _, err := open(v).Training(d.Train).Field(frames.Camera); err == nil || !strings.Contains(err.Error(),
		"views.rotate") {
		t.Errorf("the camera of turned views: %v", err)
	}
	if _, err := open(v).Training(still{4}).Field(frames.Camera); err == nil {
		t.Error("clips of which nothing is known have a camera")
	}
}

package frames

import (
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Settings is the [clips] table of a recipe: which frames of a clip a view shows. How a frame is cropped and coloured
// is said by [views], with one draw for all frames of a view.
//
// A training view begins at a random frame, each view of a clip at one of its own, so that two views of a clip may be
// far apart in time; evaluation shows the same frames each time. By default a view shows the whole clip.
//
// With view = "frame" a view is an image, a single frame of the clip, which every method and backbone of images takes:
// two frames of one video are then views of one object (Purushwalkam and Gupta 2020, arXiv:2007.13916, section 5; Wang
// and Gupta 2015, arXiv:1505.00687), as far apart in time as apart says.
type Settings struct {
	overlay.Optional
	View   string `toml:"view"`   // clip: frames of it; frame: one, as an image
	Frames int    `toml:"frames"` // of a view; 0: all of the clip, or the one of a frame
	// smallest and largest step from one frame of a view to the next, in frames of the clip; a training view draws one
	// of them, evaluation takes the smallest
	Stride [2]int `toml:"stride"`
	// the views of a clip have different strides, in random order, as long as there are others
	Deal  bool   `toml:"deal"`
	Place string `toml:"place"` // first frame of a training view: random, or fixed as in evaluation
	// fewest and most frames from the first frame of a training view to that of the clip's view 0, to either side; all
	// views have the stride of view 0 then, so that [0, 0] are the same frames; empty: views lie anywhere
	Apart []int  `toml:"apart"`
	Fixed string `toml:"fixed"` // where the frames of evaluation are in the clip: start | middle | end
}

const (
	atRandom = "random"
	oneFrame = "frame"
)

// Defaults shows whole clips.
func Defaults() Settings {
	return Settings{View: "clip", Stride: [2]int{1, 1}, Place: atRandom, Fixed: "middle"}
}

// places are the shares of the frames left over that lie before a fixed view.
var places = map[string]int{"start": 0, "middle": 1, "end": 2} // halves

// Validate checks the settings.
func (s *Settings) Validate() error {
	switch a := s.Apart; {
	case s.View != "clip" && s.View != oneFrame:
		return setting.Bad("view", "%q: want \"clip\", or \"frame\" for images", s.View)
	case s.Frames < 0:
		return setting.Bad("frames", "%d: want 1 or more, or 0 for all frames of a clip", s.Frames)
	case s.View == oneFrame && s.Frames > 1:
		return setting.Bad("frames", "%d: a view is one frame, by view = \"frame\"; want 0 or 1", s.Frames)
	case s.Stride[0] < 1 || s.Stride[1] < s.Stride[0]:
		return setting.Bad("stride", "%v: want the smallest and the largest step, 1 or more, such as [1, 2]",
			s.Stride)
	case s.Deal && s.Stride[0] == s.Stride[1]:
		return setting.Bad("deal", "there is one stride, stride = %v; want false, or several, such as [1, 2]", s.Stride)
	case s.Place != atRandom && s.Place != "fixed":
		return setting.Bad("place", "%q: want \"random\", or \"fixed\" for the frames of evaluation", s.Place)
	case len(a) > 0 && (len(a) != 2 || a[0] < 0 || a[1] < a[0]):
		return setting.Bad("apart", "%v: want the fewest and the most frames, such as [4, 8], or [] for views that "+
			"lie anywhere", a)
	case len(a) > 0 && (s.Place != atRandom || s.Deal):
		return setting.Bad("apart", "%v: place = %q and deal = %v put the views elsewhere; want \"random\" and false, "+
			"or []", a, s.Place, s.Deal)
	}
	if _, ok := places[s.Fixed]; !ok {
		return setting.Bad("fixed", "%q: want \"start\", \"middle\" or \"end\"", s.Fixed)
	}
	return nil
}

// Fit settles how many frames a view has, of clips of so many.
func (s *Settings) Fit(clip int) (int, error) {
	n := s.Frames
	if s.View == oneFrame {
		n = 1
	}
	if n == 0 {
		if s.Stride[1] > 1 {
			return 0, setting.Bad("stride", "%v: views of all %d frames of a clip have the stride 1; want frames "+
				"above 0", s.Stride, clip)
		}
		n = clip
	}
	span := (n-1)*s.Stride[1] + 1
	if span > clip {
		return 0, setting.Bad("frames", "%d: with a stride of %d they span %d frames, and a clip has %d; want at "+
			"most %d frames, or clips of %d", n, s.Stride[1], span, clip, (clip-1)/s.Stride[1]+1, span)
	}
	if len(s.Apart) > 0 && s.Apart[0] > clip-span {
		return 0, setting.Bad("apart", "%v: views span %d of the %d frames of a clip, so that they are at most %d "+
			"apart; want at most that, or clips of %d", s.Apart, span, clip, clip-span, span+s.Apart[0])
	}
	return n, nil
}

// strides is how many a view may have.
func (s *Settings) strides() int { return s.Stride[1] - s.Stride[0] + 1 }

// span is a view's frames within a clip: the first, and the step to the next.
type span struct{ first, stride int }

// fixed is the frames of evaluation.
func (s *Settings) fixed(n, clip int) span {
	stride := s.Stride[0]
	return span{places[s.Fixed] * (clip - (n-1)*stride - 1) / 2, stride}
}

// drawn is the frames of a training view. What it draws depends on the key and the view alone.
func (s *Settings) drawn(n, clip int, key feed.Key, view int) span {
	if s.Place != atRandom {
		at := s.fixed(n, clip)
		at.stride = s.stride(nil, key, view)
		at.first = places[s.Fixed] * (clip - (n-1)*at.stride - 1) / 2
		return at
	}
	of := view
	if len(s.Apart) > 0 {
		of = 0
	}
	r := datasets.NewRand(key.Seed, "clips/place", uint64(key.Step), uint64(key.Row), uint64(of))
	stride := s.stride(&r, key, of)
	room := clip - (n-1)*stride - 1 // first frames are 0 to room
	if len(s.Apart) == 0 {
		return span{r.Intn(room + 1), stride}
	}
	near := s.Apart[0]
	first := 0 // of view 0, with a place before or after it that is as far as near
	if between := max(2*near-room-1, 0); between > 0 {
		first = r.Intn(room + 1 - between)
		if first > room-near {
			first += between
		}
	} else {
		first = r.Intn(room + 1)
	}
	if view == 0 {
		return span{first, stride}
	}
	own := datasets.NewRand(key.Seed, "clips/apart", uint64(key.Step), uint64(key.Row), uint64(view))
	before, after := first >= near, room-first >= near
	if before && (!after || own.Chance(0.5)) {
		return span{first - near - own.Intn(min(s.Apart[1], first)-near+1), stride}
	}
	return span{first + near + own.Intn(min(s.Apart[1], room-first)-near+1), stride}
}

// stride is that of a training view, of its own draws or dealt out among the clip's views.
func (s *Settings) stride(r *datasets.Rand, key feed.Key, view int) int {
	switch {
	case s.Deal:
		n := s.strides()
		dealt := datasets.NewRand(key.Seed, "clips/deal", uint64(key.Step), uint64(key.Row), uint64(view/n))
		return s.Stride[0] + dealt.Order(make([]int, n))[view%n]
	case r == nil:
		return s.Stride[0]
	}
	return s.Stride[0] + r.Intn(s.strides())
}

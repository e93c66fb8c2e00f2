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
type Settings struct {
	overlay.Optional
	Frames int `toml:"frames"` // of a view; 0: all of the clip
	// smallest and largest step from one frame of a view to the next, in frames of the clip; a training view draws one
	// of them, evaluation takes the smallest
	Stride [2]int `toml:"stride"`
	Place  string `toml:"place"` // first frame of a training view: random, or fixed as in evaluation
	Fixed  string `toml:"fixed"` // where the frames of evaluation are in the clip: start | middle | end
}

const atRandom = "random"

// Defaults shows whole clips.
func Defaults() Settings { return Settings{Stride: [2]int{1, 1}, Place: atRandom, Fixed: "middle"} }

// places are the shares of the frames left over that lie before a fixed view.
var places = map[string]int{"start": 0, "middle": 1, "end": 2} // halves

// Validate checks the settings.
func (s *Settings) Validate() error {
	switch {
	case s.Frames < 0:
		return setting.Bad("frames", "%d: want 1 or more, or 0 for all frames of a clip", s.Frames)
	case s.Stride[0] < 1 || s.Stride[1] < s.Stride[0]:
		return setting.Bad("stride", "%v: want the smallest and the largest step, 1 or more, such as [1, 2]",
			s.Stride)
	case s.Place != atRandom && s.Place != "fixed":
		return setting.Bad("place", "%q: want \"random\", or \"fixed\" for the frames of evaluation", s.Place)
	}
	if _, ok := places[s.Fixed]; !ok {
		return setting.Bad("fixed", "%q: want \"start\", \"middle\" or \"end\"", s.Fixed)
	}
	return nil
}

// Fit settles how many frames a view has, of clips of so many.
func (s *Settings) Fit(clip int) (int, error) {
	n := s.Frames
	if n == 0 {
		if s.Stride[1] > 1 {
			return 0, setting.Bad("stride", "%v: views of all %d frames of a clip have the stride 1; want frames "+
				"above 0", s.Stride, clip)
		}
		return clip, nil
	}
	if span := (n-1)*s.Stride[1] + 1; span > clip {
		return 0, setting.Bad("frames", "%d: with a stride of %d they span %d frames, and a clip has %d; want at "+
			"most %d frames, or clips of %d", n, s.Stride[1], span, clip, (clip-1)/s.Stride[1]+1, span)
	}
	return n, nil
}

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
		return s.fixed(n, clip)
	}
	r := datasets.NewRand(key.Seed, "clips/place", uint64(key.Step), uint64(key.Row), uint64(view))
	stride := s.Stride[0] + r.Intn(s.Stride[1]-s.Stride[0]+1)
	return span{r.Intn(clip - (n-1)*stride), stride}
}

// of picks the frames of a clip.
func (p span) of(clip []datasets.Image, n int, to []datasets.Image) []datasets.Image {
	to = to[:0]
	for f := range n {
		to = append(to, clip[p.first+f*p.stride])
	}
	return to
}

package scenes

import (
	"fmt"
	"strings"
	"sync"

	"selfsup/datasets"
)

// Len implements datasets.Labelled.
func (s *Set) Len() int { return s.n }

// Label is the class of the nearest object.
func (s *Set) Label(i int) int { return s.Scene(i).Objects[0].Class }

// Classes names the classes of objects.
func (s *Set) Classes() []string { return s.classes }

// Name implements datasets.Labelled.
func (s *Set) Name(i int) string { return fmt.Sprintf("scenes %s[%d]", s.part, i) }

// check refuses a scene that there is not.
func (s *Set) check(i int) error {
	if i < 0 || i >= s.n {
		return fmt.Errorf("datasets: scenes: no scene %d, the %s part has %d", i, s.part, s.n)
	}
	return nil
}

// imageSet is the first frames of scenes.
type imageSet struct{ *Set }

// Shape implements datasets.Shaped.
func (s *imageSet) Shape(int) (h, w, c int) { return s.Size, s.Size, 3 }

// Image implements datasets.Set.
func (s *imageSet) Image(i int, dst *datasets.Image) error {
	if err := s.check(i); err != nil {
		return err
	}
	s.draw(s.Scene(i), 0, dst, nil)
	return nil
}

// Captions implements datasets.CaptionSet.
func (s *imageSet) Captions(i int) []string { return s.Words(s.Scene(i)) }

// PixelClasses implements datasets.MaskSet.
func (s *imageSet) PixelClasses() []string { return append([]string{"ground"}, s.classes...) }

// canvas is what instances are drawn on, to be used again.
type canvas struct {
	image     datasets.Image
	instances []uint8
}

var canvases = sync.Pool{New: func() any { return &canvas{} }}

// instances calls use with the scene and what each pixel of its first frame shows.
func (s *imageSet) instances(i int, use func(w *Scene, instances []uint8)) error {
	if err := s.check(i); err != nil {
		return err
	}
	c := canvases.Get().(*canvas)
	defer canvases.Put(c)
	if n := s.Size * s.Size; len(c.instances) != n {
		c.instances = make([]uint8, n)
	}
	w := s.Scene(i)
	s.draw(w, 0, &c.image, c.instances)
	use(w, c.instances)
	return nil
}

// Mask implements datasets.MaskSet.
func (s *imageSet) Mask(i int, dst *datasets.Image) error {
	return s.instances(i, func(w *Scene, instances []uint8) {
		dst.Reshape(s.Size, s.Size, 1)
		for at, k := range instances {
			dst.Pix[at] = 0
			if k > 0 {
				dst.Pix[at] = byte(1 + w.Objects[k-1].Class)
			}
		}
	})
}

// BoxClasses implements datasets.BoxSet.
func (s *imageSet) BoxClasses() []string { return s.classes }

// MostBoxes implements datasets.BoxSet.
func (s *imageSet) MostBoxes() int { return s.Objects[1] }

// Boxes implements datasets.BoxSet.
func (s *imageSet) Boxes(i int, dst []datasets.ClassBox) ([]datasets.ClassBox, error) {
	err := s.instances(i, func(w *Scene, instances []uint8) { dst = s.Set.Boxes(w, instances, dst) })
	return dst, err
}

// clipSet is scenes as clips.
type clipSet struct {
	*Set
	sounds *soundSet
}

// Sounds implements datasets.SoundedSet.
func (s *clipSet) Sounds() datasets.WaveSet { return s.sounds }

// Shape is that of every frame.
func (s *clipSet) Shape(int) (h, w, c int) { return s.Size, s.Size, 3 }

// Frames implements datasets.ClipSet.
func (s *clipSet) Frames() int { return s.Scenes.Frames }

// Clip implements datasets.ClipSet.
func (s *clipSet) Clip(i int, dst []datasets.Image) error {
	if err := s.check(i); err != nil {
		return err
	}
	if len(dst) != s.Scenes.Frames {
		return fmt.Errorf("datasets: scenes: a clip of %d frames into %d images", s.Scenes.Frames, len(dst))
	}
	w := s.Scene(i)
	for k := range dst {
		s.draw(w, s.time(k), &dst[k], nil)
	}
	return nil
}

// Frame implements datasets.FrameSet.
func (s *clipSet) Frame(i, k int, dst *datasets.Image) error {
	if err := s.check(i); err != nil {
		return err
	}
	if k < 0 || k >= s.Scenes.Frames {
		return fmt.Errorf("datasets: scenes: no frame %d, a clip has %d", k, s.Scenes.Frames)
	}
	s.draw(s.Scene(i), s.time(k), dst, nil)
	return nil
}

// time is that of a frame, in seconds.
func (s *clipSet) time(frame int) float64 { return float64(frame) / s.Scenes.Rate }

// Camera implements datasets.CameraSet.
func (s *clipSet) Camera(i, frame int) [2]float64 {
	v, t := s.Scene(i).Camera, s.time(frame)
	return [2]float64{v[0] * t, v[1] * t}
}

// Survey implements datasets.SurveyedSet.
func (s *clipSet) Survey(i, frame int, dst *datasets.Survey) error {
	if err := s.check(i); err != nil {
		return err
	}
	w := s.Scene(i)
	var f Frame
	s.Draw(w, s.time(frame), 1/s.Scenes.Rate, &f)
	dst.Depth, dst.Motion = f.Depth, f.Motion
	if len(dst.Moves) != len(f.Instances) {
		dst.Moves = make([]bool, len(f.Instances))
	}
	var moves [mostObjects + 1]bool
	for k, o := range w.Objects {
		moves[k+1] = o.Velocity != [2]float64{} || o.Height > 0
	}
	for at, k := range f.Instances {
		dst.Moves[at] = moves[k]
	}
	return nil
}

// sourceNames are what Source says, of the camera and of the nearest object.
var sourceNames = []string{"camera right", "camera down", "object right", "object down", "object depth"}

// SourceNames implements datasets.NamedSources.
func (s *clipSet) SourceNames() []string { return sourceNames }

// Sources implements datasets.MixedSet.
func (s *clipSet) Sources() int { return len(sourceNames) }

// Source implements datasets.MixedSet: how fast the camera moves at depth 1, and the nearest object on the image from
// the first to the last frame, in images' sides a second; and the object's depth.
func (s *clipSet) Source(i int, dst []float64) {
	w, t := s.Scene(i), max(s.time(s.Scenes.Frames-1), 1e-9)
	x, y := w.At(0, 0)
	endX, endY := w.At(0, t)
	copy(dst, []float64{w.Camera[0], w.Camera[1], (endX - x) / t, (endY - y) / t, w.Objects[0].Depth})
}

// soundSet is the sounds of scenes.
type soundSet struct{ *Set }

// Rate implements datasets.WaveSet.
func (s *soundSet) Rate() int { return SoundRate }

// Channels implements datasets.WaveSet.
func (s *soundSet) Channels() int { return 1 }

// Captions implements datasets.CaptionSet: the classes of what is to be heard, nearest first. Drawings sound like their
// class.
func (s *soundSet) Captions(i int) []string {
	var classes []string
	for _, o := range s.Scene(i).Objects {
		classes = append(classes, article(s.classes[o.Class])+s.classes[o.Class])
	}
	return []string{strings.Join(classes, " and ")}
}

// Samples implements datasets.WaveSet.
func (s *soundSet) Samples(int) int { return int(s.Duration() * SoundRate) }

// Window implements datasets.WaveSet.
func (s *soundSet) Window(i int, at float64, dst []float32) error {
	if err := s.check(i); err != nil {
		return err
	}
	n := s.Samples(i)
	k := min(n, len(dst))
	s.Sound(s.Scene(i), datasets.WindowStart(n, len(dst), at), dst[:k])
	clear(dst[k:])
	return nil
}

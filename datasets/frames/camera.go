package frames

import (
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/views"
)

// Camera is the field of where the camera is at each frame of view 0, less where it is at the first, of clips of which
// that is known: [F,2], to the right and down, in the view's width and height at depth 1.
const Camera = "camera"

// withCamera adds the field's name where the set has it.
func (m *maker) withCamera(names []string) []string {
	if _, ok := m.set.(datasets.CameraSet); ok {
		return append(slices.Clone(names), Camera)
	}
	return names
}

// cameraField describes the field.
func (m *maker) cameraField(name string) (f feed.Field, ok bool, err error) {
	if _, known := m.set.(datasets.CameraSet); name != Camera || !known {
		return f, false, nil
	}
	if by := m.Turning(); by != "" && !m.frozen {
		err = fmt.Errorf("views: how the camera moves in views that %s turns, shears or replaces is not known; want "+
			"it switched off", by)
	}
	return feed.Field{Name: name, Shape: []int{m.frames, 2}}, true, err
}

// camera writes the field of clip i.
func (w *worker) camera(dst []float32, i int, key feed.Key) error {
	c := w.settings.fixed(w.frames, len(w.clip))
	scale := [2]float64{1, 1}
	if !w.frozen {
		c = w.settings.drawn(w.frames, len(w.clip), key, 0)
		w.spare = make([]float32, w.pipe.ViewSize(0))
		params := make([]float32, len(views.ParamNames()))
		first, err := w.frame(c.first)
		if err != nil {
			return err
		}
		err = w.pipe.ViewParams(w.spare, params, first, key.Seed, key.Step, key.Row, 0, &w.scratch)
		if err != nil {
			return err
		}
		scale = views.Magnified(params)
	} else if first, err := w.frame(c.first); err != nil {
		return err
	} else if h, width := first.H, first.W; w.pipe.Height == w.pipe.Width && h != width {
		side := float64(min(h, width)) // of the square in the middle
		scale = [2]float64{float64(width) / side, float64(h) / side}
	}
	set := w.set.(datasets.CameraSet)
	first := set.Camera(i, c.first)
	for f := range w.frames {
		at := set.Camera(i, c.first+f*c.stride)
		for axis := range 2 {
			dst[2*f+axis] = float32((at[axis] - first[axis]) * scale[axis])
		}
	}
	return nil
}

// Shown is which frame of a clip, of so many, frame f of a view of n frames shows in evaluation.
func (s *Settings) Shown(n, clip, f int) int {
	c := s.fixed(n, clip)
	return c.first + f*c.stride
}

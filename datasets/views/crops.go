package views

import (
	"fmt"
)

// Crops is one [[views.crops]] table: some views of one size. Multi-crop is two or more of them (SwAV,
// arXiv:2006.09882; DINO, arXiv:2104.14294).
type Crops struct {
	Count int        `toml:"count"` // views
	Size  int        `toml:"size"`  // output side in pixels
	Area  [2]float64 `toml:"area"`  // smallest and largest fraction of the image area
}

// frame is what the pipeline knows of one view before anything is drawn.
type frame struct {
	h, w   int
	area   [2]float64 // of the crop
	kernel int        // of the blur, pixels
}

// frames lists the views in order: those of crops, or n alike.
func (s *Settings) frames(n, h, w int) ([]frame, error) {
	h, w = s.size(h, w)
	list := make([]frame, 0, n)
	for range n {
		list = append(list, frame{h, w, s.CropArea, s.kernel(min(h, w))})
	}
	if len(s.Crops) == 0 {
		return list, nil
	}
	list = list[:0]
	for _, c := range s.Crops {
		for range c.Count {
			list = append(list, frame{c.Size, c.Size, c.Area, s.kernel(c.Size)})
		}
	}
	if len(list) != n {
		return nil, fmt.Errorf("views: crops make %d views of an image, the method takes %d", len(list), n)
	}
	return list, nil
}

// maxViews keeps a slip of the pen in count from asking for all memory.
const maxViews = 256

func (s *Settings) validateCrops() error {
	total := 0
	for i, c := range s.Crops {
		k := s.kernel(c.Size)
		switch {
		case c.Count < 1 || c.Count > maxViews:
			return fmt.Errorf("crops[%d]: count = %d, want 1 to %d views", i, c.Count, maxViews)
		case c.Size < 1:
			return fmt.Errorf("crops[%d]: size = %d, want the side of a view in pixels", i, c.Size)
		case !(c.Area[0] > 0 && c.Area[0] <= c.Area[1] && c.Area[1] <= 1):
			return fmt.Errorf("crops[%d]: area = %v, want [smallest, largest] fraction of the area, above 0 and "+
				"at most 1", i, c.Area)
		case s.blurs() && k/2 >= c.Size:
			return fmt.Errorf("crops[%d]: blur_kernel = %d reaches past a view of %dx%d, want at most %d", i, k, c.Size,
				c.Size, 2*c.Size-1)
		}
		total += c.Count
	}
	switch {
	case len(s.Crops) == 0:
	case total > maxViews:
		return fmt.Errorf("crops: %d views of an image, want at most %d", total, maxViews)
	case s.Crop != 0:
		return fmt.Errorf("crop = %d beside crops, which have their own sizes; want crop = 0", s.Crop)
	case s.Pad > 0:
		return fmt.Errorf("pad = %d beside crops: a shifted window has one size, want pad = 0", s.Pad)
	}
	return nil
}

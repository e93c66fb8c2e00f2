package views

import "selfsup/datasets/raster"

// Pixels is one view in the making: float32 [H,W,C] interleaved, 1 is full scale; C is 1 (grey) or 3 (red, green,
// blue).
//
// The operations change it in place and follow torchvision's float tensor arithmetic (transforms.functional, version
// 0.14), with the channels last.
type Pixels struct {
	H, W, C int
	Pix     []float32 // [H,W,C]
}

// clip limits v to [0,1].
func clip(v float32) float32 { return raster.Clip(v) }

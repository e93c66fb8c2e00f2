//go:build noasm || !amd64

package raster

func bytesFast([]float32, []byte) int                        { return 0 }
func weightedFast(_, _ []float32, _ []int, _ []float32) bool { return false }
func alongFast(_, _ []float32, _, _, _ int, _ *Taps) bool    { return false }
func ycbcrFast(_, _, _, _ []byte) int                        { return 0 }
func doubleFast(_, _ []byte, _, _ int) int                   { return 0 }
func betweenFast(_, _, _ []byte, _, _ int) int               { return 0 }
func scaleFast(_ []float32, _, _ float32) int                { return 0 }
func solarizeFast([]float32, float32) int                    { return 0 }
func normalizeFast(_, _, _ []float32) int                    { return 0 }
func graysFast(_, _ []float32) int                           { return 0 }
func grayscaleFast([]float32) int                            { return 0 }
func saturateFast([]float32, float32) int                    { return 0 }
func hueFast([]float32, float32) int                         { return 0 }

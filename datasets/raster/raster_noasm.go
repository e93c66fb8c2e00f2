//go:build noasm || !amd64

package raster

func bytesFast([]float32, []byte) int                               { return 0 }
func weightedFast(_, _ []float32, _ []int, _ []float32) bool        { return false }
func alongFast(_, _ []float32, _, _ []int, _ []float32, _ int) bool { return false }
func scaleFast(_ []float32, _, _ float32) int                       { return 0 }
func solarizeFast([]float32, float32) int                           { return 0 }
func normalizeFast(_, _, _ []float32) int                           { return 0 }
func graysFast(_, _ []float32) int                                  { return 0 }
func grayscaleFast([]float32) int                                   { return 0 }
func saturateFast([]float32, float32) int                           { return 0 }
func hueFast([]float32, float32) int                                { return 0 }

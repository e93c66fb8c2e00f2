package datasets

import (
	"fmt"
	"math"
)

// Stats is the mean and the standard deviation of each channel over every pixel of the set, in units of full scale (byte 255 is 1).
// It counts bytes and sums once, so the result is exact and does not depend on the order of the images.
func Stats(s Set) (mean, std []float64, err error) {
	var img Image
	var counts [][256]int
	for i := range s.Len() {
		if err := s.Image(i, &img); err != nil {
			return nil, nil, fmt.Errorf("datasets: statistics: %w", err)
		}
		if counts == nil {
			counts = make([][256]int, img.C)
		}
		if img.C != len(counts) {
			return nil, nil, fmt.Errorf("datasets: statistics: %s has %d channels, %s has %d", s.Name(i), img.C, s.Name(0), len(counts))
		}
		for c := range counts {
			count := &counts[c]
			for p := c; p < len(img.Pix); p += img.C {
				count[img.Pix[p]]++
			}
		}
	}
	if counts == nil {
		return nil, nil, fmt.Errorf("datasets: statistics: the set is empty")
	}
	for _, count := range counts {
		var n, sum, squares float64
		for b, k := range count {
			n += float64(k)
			sum += float64(b) * float64(k)
			squares += float64(b) * float64(b) * float64(k)
		}
		m := sum / n
		mean = append(mean, m/255)
		std = append(std, math.Sqrt(math.Max(squares/n-m*m, 0))/255)
	}
	return mean, std, nil
}

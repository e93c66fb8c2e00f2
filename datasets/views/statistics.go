package views

import (
	"fmt"
	"maps"
	"slices"

	"selfsup/datasets"
)

// Measured is the value of statistics that measures the training set.
const Measured = "measured"

// statistics are the means and deviations of red, green and blue that published networks were trained with, in units of
// full scale.
var statistics = map[string]struct{ mean, std []float64 }{
	"imagenet": {[]float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}}, // torchvision
	"cifar10":  {[]float64{0.4914, 0.4822, 0.4465}, []float64{0.2470, 0.2435, 0.2616}},
	"cifar100": {[]float64{0.5071, 0.4865, 0.4409}, []float64{0.2673, 0.2564, 0.2762}},
	// Radford et al. 2021
	"clip": {[]float64{0.48145466, 0.4578275, 0.40821073}, []float64{0.26862954, 0.26130258, 0.27577711}},
	// [0,1] becomes [-1,1]
	"half": {[]float64{0.5, 0.5, 0.5}, []float64{0.5, 0.5, 0.5}},
}

func (s *Settings) validateStatistics(channels int) error {
	if s.Statistics == Measured {
		return nil
	}
	if _, ok := statistics[s.Statistics]; !ok {
		return fmt.Errorf("statistics = %q, want %q or one of %q", s.Statistics, Measured,
			slices.Sorted(maps.Keys(statistics)))
	}
	if len(s.Mean) > 0 {
		return fmt.Errorf("statistics = %q beside mean = %v; give one of the two", s.Statistics, s.Mean)
	}
	if channels != 3 {
		return fmt.Errorf("statistics = %q are of 3 channels, the images have %d; want %q, or mean and std",
			s.Statistics, channels, Measured)
	}
	return nil
}

// normalization is the mean and the standard deviation of each channel: the recipe's, named ones, or those of the
// training set.
func (s *Settings) normalization(train datasets.Set) (mean, std []float64, err error) {
	if len(s.Mean) > 0 {
		return s.Mean, s.Std, nil
	}
	if named, ok := statistics[s.Statistics]; ok {
		return named.mean, named.std, nil
	}
	if mean, std, err = datasets.Stats(train); err != nil {
		return nil, nil, fmt.Errorf("views: %w", err)
	}
	for c := range std {
		if std[c] == 0 { // a constant channel becomes 0
			std[c] = 1
		}
	}
	return mean, std, nil
}

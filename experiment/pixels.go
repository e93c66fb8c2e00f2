package experiment

import (
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/views"
)

// What a run and `data info` say of pixels that have lost their meaning, such as those of 16-bit files whose values are
// small.

// faintest is the standard deviation, of full scale, below which pixels are said to hardly differ: photographs have 0.2
// to 0.3, values up to 4095 of 65535 at most 0.031.
const faintest = 1.0 / 32

// scale16 says which setting helps where the samples may have had 16 bits.
const scale16 = "where the files have 16 bits a sample, range16 = [black, white] of the data set says which " +
	"values they use, such as [0, 4095]"

// checkPixels refuses to train on images whose every pixel is the same.
func (s *Setup) checkPixels() error {
	images, ok := s.Seen.(datasets.Set)
	if !ok {
		return nil
	}
	err := datasets.Varied(images)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("datasets: %s: %w", s.Recipe.Dataset.Name, err)
	if _, scaled := s.Recipe.Dataset.Value.(datasets.Scaled); scaled && errors.As(err, new(*datasets.ConstantError)) {
		err = fmt.Errorf("%w; %s", err, scale16)
	}
	return &DataError{err}
}

// Faint says that the pixels of training images hardly differ, or nothing.
func Faint(mean, std []float64) string {
	switch {
	case slices.ContainsFunc(std, func(v float64) bool { return v >= faintest }):
		return ""
	case !slices.ContainsFunc(std, func(v float64) bool { return v > 0 }):
		return fmt.Sprintf(
			"every pixel of the training images is the same (%.4f of full scale): a run refuses them; %s", mean,
			scale16)
	}
	return fmt.Sprintf("the pixels of the training images hardly differ: mean %.4f, standard deviation %.4f of "+
		"full scale; %s", mean, std, scale16)
}

// Faint is the same of the statistics that the views measured.
func (s *Setup) Faint() string {
	if set := s.Recipe.Views; s.Views == nil || len(set.Mean) > 0 || set.Statistics != views.Measured {
		return ""
	}
	var mean, std []float64
	for c := range s.Views.Mean {
		mean, std = append(mean, float64(s.Views.Mean[c])), append(std, float64(s.Views.Std[c]))
	}
	return Faint(mean, std)
}

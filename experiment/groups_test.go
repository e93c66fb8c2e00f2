package experiment

import (
	"context"
	"testing"

	"selfsup/datasets"
)

// five is a set of five samples.
type five struct{ datasets.Labelled }

func (five) Len() int { return 5 }

// What protocols see together are the features of one image, in the order of their numbers.
func TestGroupedByImage(t *testing.T) {
	x, dim, err := grouped(context.Background(), five{}, 3, func(_ context.Context, set datasets.Labelled,
		number int) (features, error) {
		f := features{dim: 2}
		for i := range set.Len() {
			f.x = append(f.x, float32(10*i+number), float32(-10*i-number))
		}
		return f, nil
	})
	if err != nil || dim != 2 || len(x) != 30 {
		t.Fatalf("%d numbers of size %d, %v", len(x), dim, err)
	}
	for i := range 5 {
		for number := range 3 {
			at := (i*3 + number) * 2
			if want := float32(10*i + number); x[at] != want || x[at+1] != -want {
				t.Errorf("image %d, number %d: %v, want %v and its negative", i, number, x[at:at+2], want)
			}
		}
	}
}

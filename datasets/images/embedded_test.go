package images

import (
	"fmt"
	"math"
	"testing"

	"selfsup/datasets"
)

func TestEmbedded(t *testing.T) {
	for _, c := range []struct {
		name                               string
		source                             datasets.Source
		train, test, channels, size, class int
	}{
		{"fashion_mnist_4k", NewFashionMNIST4k(), 3000, 1000, 1, 28, 10},
		{"emoji_32", NewEmoji32(), 1524, 376, 3, 32, 9},
		{"emoji_32 by colour", &Emoji32{Labels: "colour"}, 1524, 376, 3, 32, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := c.source.Open(datasets.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(d.Train.Len(), d.Test.Len(), d.Channels, d.Height, d.Width, len(d.Train.Classes()),
				len(d.Test.Classes()), len(d.Skipped))
			want := fmt.Sprint(c.train, c.test, c.channels, c.size, c.size, c.class, c.class, 0)
			if got != want {
				t.Errorf("train, test, channels, height, width, classes, classes of the test, skipped: got %s, want %s",
					got, want)
			}
			_, _, a, err := datasets.StatsAndContents(d.Train.(datasets.Set))
			if err != nil {
				t.Fatal(err)
			}
			_, _, b, err := datasets.StatsAndContents(d.Test.(datasets.Set))
			if err != nil {
				t.Fatal(err)
			}
			if both, err := datasets.Twins(d.Train.(datasets.Set), d.Test.(datasets.Set), a, b); err != nil ||
				len(both) > 0 {
				t.Errorf("test images that are training images too: %v %v, want none", both, err)
			}
			for _, s := range []datasets.Set{d.Train.(datasets.Set), d.Test.(datasets.Set)} {
				seen := make([]int, c.class)
				for i := range s.Len() {
					seen[s.Label(i)]++
				}
				for label, n := range seen {
					if n == 0 || c.class == 10 && n != s.Len()/10 {
						t.Errorf("class %s has %d of %d images", s.Classes()[label], n, s.Len())
					}
				}
			}
		})
	}
}

// The full Fashion-MNIST has mean 0.2860 and standard deviation 0.3530; a balanced subset comes close.
func TestStatsOfFashion(t *testing.T) {
	d, err := NewFashionMNIST4k().Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	mean, std, err := datasets.Stats(d.Train.(datasets.Set))
	if err != nil || len(mean) != 1 || math.Abs(mean[0]-0.2860) > 0.01 || math.Abs(std[0]-0.3530) > 0.01 {
		t.Errorf("got mean %v, std %v (%v), want near 0.2860 and 0.3530", mean, std, err)
	}
}

func ExampleFashionMNIST4k() {
	data, err := NewFashionMNIST4k().Open(datasets.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var img datasets.Image
	if err := data.Train.(datasets.Set).Image(0, &img); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(data.Train.Len(), data.Train.Classes()[data.Train.Label(0)], img.H, img.W, img.C)
	// Output: 3000 Ankle boot 28 28 1
}

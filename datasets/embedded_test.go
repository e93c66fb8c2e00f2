package datasets

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestEmbedded(t *testing.T) {
	for _, c := range []struct {
		name                               string
		source                             Source
		train, test, channels, size, class int
	}{
		{"fashion_mnist_4k", NewFashionMNIST4k(), 3000, 1000, 1, 28, 10},
		{"emoji_32", NewEmoji32(), 1524, 376, 3, 32, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := c.source.Open(Env{})
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
			_, _, a, err := StatsAndContents(d.Train.(Set))
			if err != nil {
				t.Fatal(err)
			}
			_, _, b, err := StatsAndContents(d.Test.(Set))
			if err != nil {
				t.Fatal(err)
			}
			if both, err := Twins(d.Train.(Set), d.Test.(Set), a, b); err != nil || len(both) > 0 {
				t.Errorf("test images that are training images too: %v %v, want none", both, err)
			}
			for _, s := range []Set{d.Train.(Set), d.Test.(Set)} {
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

// The tables that are part of the program have the rows, columns and classes of their sources, no value missing, and
// names that say where a row is.
func TestEmbeddedTables(t *testing.T) {
	for _, c := range []struct {
		source                        Source
		train, test, columns, classes int
		name                          string
	}{
		{NewLetter(), 15998, 4002, 16, 26, "letter.csv:"},
		{NewSatellite(), 5147, 1288, 36, 6, "satellite.csv:"},
	} {
		d, err := c.source.Open(Env{BaseDir: "/nowhere"})
		if err != nil {
			t.Fatal(err)
		}
		set := d.Train.(RowSet)
		got := fmt.Sprint(set.Len(), d.Test.Len(), len(set.Columns()), len(set.Classes()), len(d.Skipped))
		if want := fmt.Sprint(c.train, c.test, c.columns, c.classes, 0); got != want {
			t.Errorf("%s train, test, columns, classes, skipped: got %s, want %s", c.name, got, want)
		}
		for _, col := range set.Columns() {
			if col.Categories != nil || col.Missing > 0 || col.Std == 0 {
				t.Errorf("%s column %+v: want numbers that vary, none missing", c.name, col)
			}
		}
		if name := set.Name(0); !strings.HasPrefix(name, c.name) {
			t.Errorf("row 0 is %s, want %s and its line", name, c.name)
		}
		if SamplesOf(c.source) != "rows" {
			t.Errorf("%s has %s, want rows", c.name, SamplesOf(c.source))
		}
	}
}

// The full Fashion-MNIST has mean 0.2860 and standard deviation 0.3530; a balanced subset comes close.
func TestStatsOfFashion(t *testing.T) {
	d, err := NewFashionMNIST4k().Open(Env{})
	if err != nil {
		t.Fatal(err)
	}
	mean, std, err := Stats(d.Train.(Set))
	if err != nil || len(mean) != 1 || math.Abs(mean[0]-0.2860) > 0.01 || math.Abs(std[0]-0.3530) > 0.01 {
		t.Errorf("got mean %v, std %v (%v), want near 0.2860 and 0.3530", mean, std, err)
	}
}

func TestStats(t *testing.T) {
	m := &Memory{Images: []Image{{H: 1, W: 2, C: 3, Pix: []byte{0, 10, 255, 255, 10, 255}},
		{H: 1, W: 1, C: 3, Pix: []byte{0, 10, 255}}}}
	mean, std, err := Stats(m)
	want := []float64{1.0 / 3, 10.0 / 255, 1}
	wantStd := []float64{math.Sqrt(2) / 3, 0, 0}
	for c := range want {
		if err != nil || math.Abs(mean[c]-want[c]) > 1e-12 || math.Abs(std[c]-wantStd[c]) > 1e-7 {
			t.Fatalf("got %v, %v (%v), want %v, %v", mean, std, err, want, wantStd)
		}
	}
	for name, bad := range map[string]*Memory{"empty": {}, "mixed": {Images: []Image{{H: 1, W: 1, C: 1, Pix: []byte{1}},
		m.Images[1]}}} {
		if _, _, err := Stats(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRand(t *testing.T) {
	first := func(r Rand) uint64 { return r.Uint64() }
	seen := map[uint64]string{}
	for name, r := range map[string]Rand{
		"seed 1": NewRand(1, "a"), "seed 2": NewRand(2, "a"), "name": NewRand(1, "b"), "longer name": NewRand(1, "aa"),
		"index": NewRand(1, "a", 0), "index 1": NewRand(1, "a", 1), "two": NewRand(1, "a", 0, 1),
		"swapped": NewRand(1, "a", 1, 0),
	} {
		v := first(r)
		if other, ok := seen[v]; ok {
			t.Errorf("%s and %s begin alike", name, other)
		}
		seen[v] = name
	}
	// Reference values of SplitMix64 from state 0 (Vigna's splitmix64.c, widely reprinted).
	r := Rand{}
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := r.Uint64(); got != want {
			t.Errorf("SplitMix64 output %d from state 0: got %#x, want %#x", i, got, want)
		}
	}
	counts := make([]int, 5)
	for range 10000 {
		counts[r.Intn(5)]++
	}
	for v, n := range counts {
		if n < 1800 || n > 2200 {
			t.Errorf("Intn(5) gave %d %d times of 10000, want about 2000", v, n)
		}
	}
}

func ExampleFashionMNIST4k() {
	data, err := NewFashionMNIST4k().Open(Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var img Image
	if err := data.Train.(Set).Image(0, &img); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(data.Train.Len(), data.Train.Classes()[data.Train.Label(0)], img.H, img.W, img.C)
	// Output: 3000 Ankle boot 28 28 1
}

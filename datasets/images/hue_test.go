package images

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"selfsup/datasets"
)

// Hues are those of the colour circle, and the chroma that of the colour.
func TestHueOf(t *testing.T) {
	for _, c := range []struct{ r, g, b, hue, chroma float64 }{
		{1, 0, 0, 0, 1}, {1, 1, 0, 60, 1}, {0, 1, 0, 120, 1}, {0, 1, 1, 180, 1}, {0, 0, 1, 240, 1}, {1, 0, 1, 300, 1},
		{1, 0.5, 0, 30, 1}, {0.6, 0.4, 0.4, 0, 0.2}, {0.5, 0.5, 0.5, 0, 0}, {1, 0, 0.5, 330, 1},
	} {
		if hue, chroma := hueOf(c.r, c.g, c.b); math.Abs(hue-c.hue) > 1e-9 || math.Abs(chroma-c.chroma) > 1e-9 {
			t.Errorf("colour %v %v %v: hue %v, chroma %v; want %v and %v", c.r, c.g, c.b, hue, chroma, c.hue, c.chroma)
		}
	}
}

// The colour of a drawing is that of most of its chroma, whatever is white; a little colour on much grey is grey.
func TestDominantHue(t *testing.T) {
	white, grey := color.RGBA{255, 255, 255, 255}, color.RGBA{120, 120, 120, 255}
	for want, rows := range map[string][]color.RGBA{ // of a drawing
		"red":    {white, white, {220, 20, 20, 255}, white},
		"orange": {{250, 140, 20, 255}, {250, 140, 20, 255}, {20, 20, 220, 255}, white},
		"yellow": {{250, 210, 40, 255}, {250, 210, 40, 255}, {120, 70, 20, 255}, white},
		"green":  {{40, 160, 40, 255}, grey, grey, white},
		"blue":   {{40, 60, 220, 255}, {80, 90, 90, 255}, {230, 120, 120, 255}, white}, // one strong colour, one weak
		"purple": {{150, 40, 220, 255}, white, white, white},
		"grey":   {grey, grey, grey, {120, 120, 140, 255}},
	} {
		img := image.NewRGBA(image.Rect(0, 0, 3, len(rows)))
		for y, c := range rows {
			for x := range 3 {
				img.Set(x, y, c)
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if got, err := dominantHue(b.Bytes()); err != nil || got != want {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
	if _, err := dominantHue([]byte("no picture")); err == nil {
		t.Error("no error of bytes that are no picture")
	}
}

// Both labellings are of the same drawings in the same order, and hardly tell of each other.
func TestEmojiLabels(t *testing.T) {
	open := func(labels string) datasets.Labelled {
		d, err := (&Emoji32{Labels: labels}).Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		return d.Train
	}
	group, colour := open("group"), open("colour")
	most := map[int]map[int]int{} // drawings of each colour in each group
	for i := range group.Len() {
		if group.Name(i) != colour.Name(i) {
			t.Fatalf("drawing %d is %s in one labelling and %s in the other", i, group.Name(i), colour.Name(i))
		}
		if most[group.Label(i)] == nil {
			most[group.Label(i)] = map[int]int{}
		}
		most[group.Label(i)][colour.Label(i)]++
	}
	told := 0
	for _, of := range most {
		best := 0
		for _, n := range of {
			best = max(best, n)
		}
		told += best
	}
	if share := float64(told) / float64(group.Len()); share > 0.6 {
		t.Errorf("the group tells the colour of %.2f of the drawings, want at most 0.6", share)
	}
	if err := (&Emoji32{Labels: "shape"}).Validate(); err == nil || !strings.Contains(err.Error(), `labels: "shape"`) {
		t.Errorf("labels of another kind: %v", err)
	}
}

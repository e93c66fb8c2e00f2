package images

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/internal/shared"
)

// Photographs in class folders, as they are published: divided, some of them grey.
func TestRealCaltech(t *testing.T) {
	root := filetest.Unpacked(t, "images-caltech95-64/caltech95-64.tar.gz", func(name string) bool {
		for _, class := range []string{"/car_side/", "/butterfly/", "/chair/"} {
			if strings.Contains(name, class) {
				return true
			}
		}
		return false
	})
	f := NewFolder()
	f.Root = filepath.Join(root, "caltech95-64")
	d, err := f.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	// 91 butterflies, 123 car sides, 62 chairs, a fifth of each in val.
	got := fmt.Sprint(d.Train.Len()+d.Test.Len(), d.Train.Classes(), d.Channels, d.Height, d.Width, len(d.Skipped))
	if want := "276 [butterfly car_side chair] 3 64 64 0"; got != want {
		t.Errorf("images, classes, channels, height, width, skipped: got %s, want %s", got, want)
	}
	if share := float64(d.Test.Len()) / 276; math.Abs(share-0.2) > 0.02 {
		t.Errorf("%.3f of the images are in val, want a fifth", share)
	}
	var img datasets.Image
	for i := range d.Train.Len() {
		if err := d.Train.(datasets.Set).Image(i, &img); err != nil {
			t.Fatal(err)
		}
		if d.Train.Classes()[d.Train.Label(i)] != "car_side" {
			continue
		}
		for p := 0; p < len(img.Pix); p += 3 {
			if img.Pix[p] != img.Pix[p+1] || img.Pix[p] != img.Pix[p+2] {
				t.Fatalf("%s is grey, pixel %d is %v", d.Train.Name(i), p/3, img.Pix[p:p+3])
			}
		}
	}
}

// The emoji as folders are the emoji in the program, but for the test images that are training images too.
func TestRealEmoji(t *testing.T) {
	f := NewFolder()
	once := func(name string) bool { return !emojiTwins[strings.TrimPrefix(name, "emoji-32/")] }
	f.Root = filepath.Join(filetest.Unpacked(t, "images-emoji-32/emoji-32.tar.gz", once), "emoji-32")
	f.Channels, f.Memory = 3, 0
	d, err := f.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := NewEmoji32().Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != want.Train.Len() || d.Test.Len() != want.Test.Len() {
		t.Fatalf("%d + %d images, want %d + %d", d.Train.Len(), d.Test.Len(), want.Train.Len(), want.Test.Len())
	}
	for _, sets := range [][2]datasets.Set{{d.Train.(datasets.Set), want.Train.(datasets.Set)},
		{d.Test.(datasets.Set), want.Test.(datasets.Set)}} {
		a, _, errA := datasets.Stats(sets[0])
		b, _, errB := datasets.Stats(sets[1])
		if errA != nil || errB != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("means %v (%v), want %v (%v)", a, errA, b, errB)
		}
	}
}

func TestRealPhotos(t *testing.T) {
	f := NewFolder()
	f.Train, f.TestFraction = shared.Data(t, "photos"), 0
	d, err := f.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]string{}
	var img datasets.Image
	for i := range d.Train.Len() {
		if err := d.Train.(datasets.Set).Image(i, &img); err != nil {
			t.Fatal(err)
		}
		sizes[filepath.Base(d.Train.Name(i))] = fmt.Sprintf("%dx%d", img.W, img.H)
	}
	for name, want := range map[string]string{
		"camera.png": "512x512", "chelsea.png": "451x300", "coffee.png": "600x400", "rocket.jpg": "640x427",
		"retina.jpg": "1411x1411",
		"brick.png":  "512x512", "gravel.png": "512x512", "grass.png": "512x512",
	} {
		if sizes[name] != want {
			t.Errorf("%s is %s, want %s", name, sizes[name], want)
		}
	}
}

// The files from which the set in the program is made.
func TestRealFashion(t *testing.T) {
	dir := shared.Data(t, "images-fashion-mnist-4k")
	s := NewIDX()
	s.TrainImages, s.TrainLabels = filepath.Join(dir, "train-images-idx3-ubyte.gz"),
		filepath.Join(dir, "train-labels-idx1-ubyte.gz")
	s.TestImages, s.TestLabels = filepath.Join(dir, "t10k-images-idx3-ubyte.gz"),
		filepath.Join(dir, "t10k-labels-idx1-ubyte.gz")
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Train.Len(), d.Test.Len(), d.Channels, d.Height, d.Width,
		len(d.Train.Classes())); got != "3000 1000 1 28 28 10" {
		t.Errorf("got %s, want 3000 1000 1 28 28 10", got)
	}
}

package pack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/datasets/images/codec"
	"selfsup/datasets/views"
)

// photos is n images of different sizes, smooth enough for JPEG, in three classes and one without.
func photos(n, channels int) *datasets.Memory {
	m := &datasets.Memory{Class: []string{"a", "b", "c"}, Origin: "photos"}
	for i := range n {
		h, w := 20+i%7, 24+3*(i%5)
		img := datasets.Image{H: h, W: w, C: channels, Pix: make([]byte, h*w*channels)}
		for p := range img.Pix {
			img.Pix[p] = byte(3*(p/channels%w) + 2*(p/channels/w) + 40*(p%channels) + i)
		}
		m.Images, m.Labels = append(m.Images, img), append(m.Labels, i%4-1)
	}
	return m
}

// packed writes d and opens it again.
func packed(t testing.TB, d *datasets.Data, o Options) (*Reader, []byte, *Report) {
	t.Helper()
	var b bytes.Buffer
	rep, err := Write(&b, d, o)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Bytes != int64(b.Len()) {
		t.Fatalf("reports %d bytes, wrote %d", rep.Bytes, b.Len())
	}
	r, err := newReader("set.pack", bytes.NewReader(b.Bytes()), int64(b.Len()), codec.DefaultMaxPixels)
	if err != nil {
		t.Fatal(err)
	}
	return r, b.Bytes(), rep
}

func data(train, test *datasets.Memory) *datasets.Data {
	d := &datasets.Data{Train: train}
	if test != nil {
		d.Test = test
	}
	if err := d.Check("photos"); err != nil {
		panic(err)
	}
	return d
}

func same(t *testing.T, gotSet, wantSet datasets.Labelled) {
	t.Helper()
	got, want := gotSet.(datasets.Set), wantSet.(datasets.Set)
	if got.Len() != want.Len() || !slices.Equal(got.Classes(), want.Classes()) {
		t.Fatalf("%d images of %q, want %d of %q", got.Len(), got.Classes(), want.Len(), want.Classes())
	}
	var a, b datasets.Image
	for i := range want.Len() {
		if err := got.Image(i, &a); err != nil {
			t.Fatal(err)
		}
		if err := want.Image(i, &b); err != nil {
			t.Fatal(err)
		}
		if a.H != b.H || a.W != b.W || a.C != b.C || !bytes.Equal(a.Pix, b.Pix) || got.Label(i) != want.Label(i) {
			t.Fatalf("image %d: %dx%dx%d with label %d, want %dx%dx%d with %d, and the same pixels", i, a.H, a.W, a.C,
				got.Label(i), b.H, b.W, b.C, want.Label(i))
		}
		if !strings.HasSuffix(got.Name(i), fmt.Sprintf("%q", want.Name(i))) {
			t.Fatalf("image %d is %s, want %q at its end", i, got.Name(i), want.Name(i))
		}
	}
}

// A pack delivers what its source does, bit for bit: images, labels, names, classes, statistics.
func TestPackIsItsSource(t *testing.T) {
	for _, c := range []int{1, 3} {
		d := data(photos(50, c), photos(9, c))
		r, _, rep := packed(t, d, Options{Source: "photos"})
		if *rep != (Report{Train: 50, Test: 9, Bytes: rep.Bytes}) {
			t.Errorf("report %+v", rep)
		}
		p, err := r.Data()
		if err != nil {
			t.Fatal(err)
		}
		same(t, p.Train, d.Train)
		same(t, p.Test, d.Test)
		if p.Channels != c || p.Height != 0 || p.Width != 0 {
			t.Errorf("%d channels, %dx%d pixels, want %d and different sizes", p.Channels, p.Height, p.Width, c)
		}
		for _, s := range [][2]datasets.Set{{p.Train.(datasets.Set), d.Train.(datasets.Set)},
			{p.Test.(datasets.Set), d.Test.(datasets.Set)}} {
			m, v, err := datasets.Stats(s[0])
			wantM, wantV, wantErr := datasets.Stats(s[1])
			if err != nil || wantErr != nil || !slices.Equal(m, wantM) || !slices.Equal(v, wantV) {
				t.Errorf("mean %v, std %v (%v), want %v, %v", m, v, err, wantM, wantV)
			}
		}
		if got := datasets.Verify(all(r)); len(got) > 0 {
			t.Errorf("damaged: %v", got)
		}
	}
}

// Files are kept as they are where they decode to what the source delivers; a source that resizes is held as pixels.
func TestPackKeepsFiles(t *testing.T) {
	d, err := images.NewEmoji32().Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	r, kept, rep := packed(t, d, Options{})
	p, err := r.Data()
	if err != nil {
		t.Fatal(err)
	}
	if rep.Files != 1900 || p.Height != 32 || p.Width != 32 {
		t.Errorf("report %+v, images of %dx%d; want 1900 files of 32x32", rep, p.Height, p.Width)
	}
	same(t, p.Train, d.Train)
	same(t, p.Test, d.Test)
	if _, raw, rep := packed(t, d, Options{Raw: true}); rep.Files != 0 || len(raw) <= len(kept) {
		t.Errorf("raw: %d files in %d bytes, want none in more than %d", rep.Files, len(raw), len(kept))
	}
	again, twice, _ := packed(t, p, Options{})
	if datasets.Verify(all(again)) != nil || len(twice) < len(kept)/2 {
		t.Errorf("a pack of a pack has %d bytes, the first %d", len(twice), len(kept))
	}
}

// Reduced images have the asked shorter side, JPEG records are close to what was packed, and the statistics are of what
// is delivered.
func TestPackOptions(t *testing.T) {
	d := data(photos(20, 3), nil)
	r, _, rep := packed(t, d, Options{Size: 16, Quality: 95})
	p, err := r.Data()
	if err != nil {
		t.Fatal(err)
	}
	if rep.Files != 20 || p.Test != nil {
		t.Errorf("report %+v, want 20 files and no test set", rep)
	}
	small, _, _ := packed(t, d, Options{Size: 16})
	var a, b datasets.Image
	for i := range 20 {
		if err := p.Train.(datasets.Set).Image(i, &a); err != nil {
			t.Fatal(err)
		}
		if err := small.image(i, &b); err != nil {
			t.Fatal(err)
		}
		src := d.Train.(*datasets.Memory).Images[i]
		if a.H != max(16, 16*src.H/src.W) || a.W != max(16, 16*src.W/src.H) || b.H != a.H || b.W != a.W {
			t.Fatalf("image %d of %dx%d became %dx%d", i, src.H, src.W, a.H, a.W)
		}
		worst := 0
		for p := range a.Pix {
			worst = max(worst, int(a.Pix[p])-int(b.Pix[p]), int(b.Pix[p])-int(a.Pix[p]))
		}
		if worst == 0 || worst > 60 { // the ramps wrap round at 255
			t.Errorf("image %d: JPEG changes pixels by up to %d, want a little", i, worst)
		}
	}
	counted, err := datasets.CountLevels(p.Train.(datasets.Set))
	if err != nil {
		t.Fatal(err)
	}
	if m, v := counted.MeanStd(); !slices.Equal(m, r.Meta.Mean) || !slices.Equal(v, r.Meta.Std) {
		t.Errorf("meta says %v and %v, the images have %v and %v", r.Meta.Mean, r.Meta.Std, m, v)
	}
	for _, o := range []Options{{Quality: 101}, {Size: -1}, {Raw: true, Quality: 3}} {
		if _, err := Write(&bytes.Buffer{}, d, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// The same input gives the same bytes, on one core and on all.
func TestPackIsReproducible(t *testing.T) {
	d := data(photos(70, 3), photos(5, 3))
	for _, o := range []Options{{}, {Size: 12, Quality: 80}} {
		_, want, _ := packed(t, d, o)
		for _, cores := range []int{1, runtime.GOMAXPROCS(0) + 3} {
			before := runtime.GOMAXPROCS(cores)
			_, got, _ := packed(t, d, o)
			runtime.GOMAXPROCS(before)
			if !bytes.Equal(got, want) {
				t.Errorf("%+v: other bytes on %d cores", o, cores)
			}
		}
	}
}

// A pack as a recipe's source gives the same batches as what was packed.
func TestViewsOfPack(t *testing.T) {
	d, err := images.NewFashionMNIST4k().Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := Write(&b, d, Options{}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "set.pack"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	s := New()
	s.Path = "set.pack"
	p, err := s.Open(datasets.Env{BaseDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var view [2][]float32
	for k, d := range []*datasets.Data{d, p} {
		pipe, err := views.New(views.Defaults(), d, 2)
		if err != nil {
			t.Fatal(err)
		}
		view[k] = make([]float32, 8*pipe.Size())
		if err := pipe.EvalBatch(view[k], d.Test.(datasets.Set), []int32{0, 5, 9, 999, 3, 2, 1, 8}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(view[0], view[1]) {
		t.Error("the views of the pack differ from those of its source")
	}
}

// Reading allocates nothing once buffers are there.
func TestImageAllocatesNothing(t *testing.T) {
	r, _, _ := packed(t, data(photos(10, 3), nil), Options{})
	var m datasets.Image
	i := 0
	read := func() {
		if err := r.image(i%10, &m); err != nil {
			t.Fatal(err)
		}
		i++
	}
	for range 10 {
		read()
	}
	if n := testing.AllocsPerRun(100, read); n > 0 {
		t.Errorf("%v allocations an image, want none", n)
	}
}

package figures

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment/report/page"
)

// drawn is a page that has something of everything.
func drawn(t *testing.T) *page.Page {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 4))); err != nil {
		t.Fatal(err)
	}
	half, most := page.Number(0.5), page.Number(0.75)
	run := page.Run{Name: "a run/1", Lines: []page.Series{
		{Kind: "training", Step: page.Numbers{1, 2, 3}, Epoch: page.Numbers{0.1, 0.2, 0.3},
			Seconds: page.Numbers{1, 2, 3}, Names: []string{"loss", "empty"},
			Values: page.Columns{{3, math.NaN(), 1}, {math.NaN(), math.NaN(), math.NaN()}}},
		{Kind: "evaluation", Step: page.Numbers{1, 3}, Epoch: page.Numbers{0.1, 0.3}, Seconds: page.Numbers{1, 3},
			Names: []string{"knn k=20 top1"}, Values: page.Columns{{0.5, 0.6}}},
	}, Pictures: &page.Pictures{
		Classes: []string{"cat", "dog"}, Labels: []int32{0, 1, -1},
		Depths: []page.Depth{{Name: "0", KNN: &half, Linear: &most},
			{Name: "projector/1", KNN: &half, Linear: &half}},
		Spectra:    []page.Spectrum{{Name: "features", Values: page.Numbers{1, 0.1, 0}}},
		Maps:       []page.Map{{Name: "umap", X: page.Numbers{0, 1, 2}, Y: page.Numbers{2, 0, 1}}},
		Confusions: []page.Confusion{{Name: "linear probe, l2 = 0.1", Counts: [][]int{{3, 1}, {0, 0}}}},
		Sheets:     []page.Sheet{{Title: "Views", Data: page.DataURI("png", b.Bytes())}},
	}}
	return &page.Page{Runs: []page.Run{run, {Name: "another", Lines: run.Lines}}}
}

// Every figure is there in both formats, and can be read; of a curve without a number there is none.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "figures")
	files, err := Write(drawn(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimPrefix(f, dir+string(filepath.Separator)))
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(f) == ".svg" {
			if !bytes.Contains(text, []byte("<svg")) || !bytes.Contains(text, []byte("</svg>")) {
				t.Errorf("%s is no SVG", f)
			}
			continue
		}
		m, err := png.Decode(bytes.NewReader(text))
		if err != nil || m.Bounds().Dx() < 8 {
			t.Errorf("%s: %v", f, err)
		}
	}
	var want []string
	for _, name := range []string{"confusion-linear-probe-a-run-1", "curve-knn-k-20-top1", "curve-loss",
		"layers-a-run-1", "map-umap-a-run-1", "probes-a-run-1", "probes-another", "spectra-a-run-1",
		"time-knn-k-20-top1"} {
		want = append(want, name+".png", name+".svg")
	}
	want = append(want, "picture-Views-a-run-1.png")
	slices.Sort(want)
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("files\n%v, want\n%v", names, want)
	}
}

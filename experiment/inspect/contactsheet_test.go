package inspect

import (
	"path/filepath"
	"testing"

	"selfsup/datasets/feed"
	"selfsup/recipes"
)

// The sheet shows the views of the first step, and grey where MAE hides a patch.
func TestContactSheetShowsTheFirstStep(t *testing.T) {
	s := prepare(t, "mae.toml", "train.batch=16")
	sh, err := draw(s, 4)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Loader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := l.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(sh.Rows) != 4 || len(sh.Columns) != 3 {
		t.Fatalf("%d rows of %v, want 4 of image, view, masked view", len(sh.Rows), sh.Columns)
	}
	for row, r := range sh.Rows {
		view, masked := r.Cells[1], r.Cells[2]
		hidden := 0
		for i, v := range view.Pix {
			if d := (v-s.Views.Mean[0])/s.Views.Std[0] - b.Field(feed.View(0)).F32[row*784+i]; d > 1e-5 || d < -1e-5 {
				t.Fatalf("row %d, pixel %d is not the training's: off by %v", row, i, d)
			}
			switch masked.Pix[i] {
			case v:
			case 0.5:
				hidden++
			default:
				t.Fatalf("row %d, pixel %d: %v beside a view of %v, want it or grey", row, i, masked.Pix[i], v)
			}
		}
		if hidden > 37*16 || hidden < 36*16 { // a pixel of the view may be that grey
			t.Errorf("row %d hides %d pixels, want 37 patches of 16", row, hidden)
		}
	}
	r, err := recipes.Load("quickstart.toml", nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if err := ContactSheet(r, 2, filepath.Join(t.TempDir(), "grid.png")); err != nil {
		t.Error(err)
	}
}

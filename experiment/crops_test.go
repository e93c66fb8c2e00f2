package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/recipes"
)

const twoSizes = `views.crops=[{count = 1, size = 28, area = [0.4, 1.0]}, ` +
	`{count = 1, size = 12, area = [0.05, 0.4]}]`

// Methods that encode their views one by one train on views of several sizes; the others say so.
func TestViewsOfSeveralSizes(t *testing.T) {
	for _, recipe := range []string{"quickstart.toml", "byol.toml", "vicreg.toml"} {
		s := prepare(t, recipe, twoSizes, "views.crop=0", "train.batch=4", "backbone=convnet")
		if got := s.shapes(); len(got) != 2 || got[0].Shape[0] != 28 || got[1].Shape[0] != 12 {
			t.Fatalf("%s: views of %v, want 28 and 12", recipe, got)
		}
		if err := s.Train.Run(); err != nil {
			t.Fatalf("%s: %v", recipe, err)
		}
		if got, want := s.ViewSizes(), "28x28x1 (1) and 12x12x1 (1)"; got != want {
			t.Errorf("%s: views of %s, want %s", recipe, got, want)
		}
	}
	const tooSmall = "views.crops=[{count = 1, size = 28, area = [0.4, 1.0]}, " +
		"{count = 1, size = 2, area = [0.05, 0.4]}]"
	const oneView = `views.crops=[{count = 1, size = 28, area = [0.4, 1.0]}]`
	for _, c := range []struct{ recipe, backbone, crops, message string }{
		{"byol.toml", "backbone.mlp={widths = [8]}", twoSizes, "takes views of one size, and views.crops gives " +
			"[28x28x1 12x12x1]"},
		{"quickstart.toml", "backbone=convnet", oneView,
			"views.crops makes 1 view of a sample: this method compares views, want at least 2"},
		{"byol.toml", "backbone=convnet", oneView, "views.crops makes 1 view of a sample"},
		{"vicreg.toml", "backbone=convnet", oneView, "views.crops makes 1 view of a sample"},
		{"mae.toml", "backbone.vit.patch=4", twoSizes, "crops make 2 views of an image, the method takes 1"},
		{"byol.toml", "backbone=convnet", tooSmall, "images of 2x2x1 are smaller"},
	} {
		sets := []string{c.crops, "views.crop=0", "train.batch=4", c.backbone}
		r, err := recipes.Load(c.recipe, sets, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Prepare(r); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s, %s: got %v, want an error with %q", c.recipe, c.backbone, err, c.message)
		}
	}
}

// One table of two views is what no table is: the same views, and after three steps the same bits.
func TestOneTableOfTwoViews(t *testing.T) {
	for _, recipe := range []string{"quickstart.toml", "byol.toml", "vicreg.toml"} {
		var ends []string
		for _, sets := range [][]string{{"views.crop_area=[0.4,1.0]"},
			{`views.crops=[{count = 2, size = 28, area = [0.4, 1.0]}]`}} {
			s := prepare(t, recipe, append(sets, "train.batch=16")...)
			step(t, s, 3)
			ends = append(ends, s.Store.Hash(""))
		}
		if ends[0] != ends[1] {
			t.Errorf("%s: two views end with %s, one table of two with %s", recipe, ends[0], ends[1])
		}
	}
}

// step trains for so many steps.
func step(t *testing.T, s *Setup, n int) {
	t.Helper()
	l, err := s.Loader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range n {
		b, err := l.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for k, name := range s.Wants {
			in, err := s.Train.Input(name)
			if err != nil {
				t.Fatal(err)
			}
			if in.I32 != nil {
				copy(in.I32, b.Fields[k].I32)
			} else {
				copy(in.F32, b.Fields[k].F32)
			}
		}
		b.Release()
		s.Train.Schedule(s.Time(i))
		if err := s.Train.Run(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
}

// A recipe with crops resolves to one that loads to the same.
func TestCropsResolve(t *testing.T) {
	r, err := recipes.Load("byol.toml", []string{twoSizes, "views.crop=0", "views.rand_augment=[1, 0.5]",
		"views.erase_value=[0.5]"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[[views.crops]]", "size = 12", "rand_augment = [1.0, 0.5]"} {
		if !strings.Contains(r.Resolved, want) {
			t.Errorf("no %q in the resolved recipe:\n%s", want, r.Resolved)
		}
	}
	file := filepath.Join(t.TempDir(), "resolved.toml")
	if err := os.WriteFile(file, []byte(r.Resolved), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := recipes.Load(file, nil, recipes.Builtin())
	if err != nil || again.Resolved != r.Resolved {
		t.Errorf("read back (%v) as\n%s", err, again.Resolved)
	}
}

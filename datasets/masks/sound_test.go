package masks

import (
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/internal/golden"
)

// The runs of wav2vec 2.0 for given beginnings. Rows of the fixture keep as many hidden steps as the shortest has,
// those listed; here every row keeps its own, so those must be among them, and all of them in the shortest row.
func TestGoldenSpans(t *testing.T) {
	f := golden.Load(t, "audio/wav2vec2_span_mask")
	n := golden.Param[int](t, f, "length")
	m := &Span{Ratio: golden.Param[float64](t, f, "mask_prob"), Length: golden.Param[int](t, f, "mask_length")}
	if err := m.Validate(Grid{1, n, 1}); err != nil {
		t.Fatal(err)
	}
	starts, kept := f.Inputs["starts"], f.Inputs["kept"]
	var runs, got []float64
	shortest := false
	for row := range starts.Shape[0] {
		all, mine := make([]uint8, n), make([]uint8, n)
		own := m.runs(n, f.Inputs["u_round"].Data[row])
		runs = append(runs, float64(own))
		for _, from := range starts.Data[row*starts.Shape[1]:][:own] {
			m.hide(all, int(from))
		}
		for _, at := range kept.Data[row*kept.Shape[1]:][:kept.Shape[1]] {
			if at >= 0 && all[int(at)] == 1 {
				mine[int(at)] = 1
			}
		}
		shortest = shortest || count(all) == count(mine)
		for _, v := range mine {
			got = append(got, float64(v))
		}
	}
	golden.Compare(t, "num_spans", runs, f.Outputs["num_spans"], 0)
	golden.Compare(t, "mask", got, f.Outputs["mask"], 0)
	if !shortest {
		t.Error("no row is hidden wholly as its runs say")
	}
}

func TestSpanDraws(t *testing.T) {
	m, g := &Span{Ratio: 0.5, Length: 4}, Grid{1, 30, 1}
	seen := [30]int{}
	for row := range 400 {
		dst := make([]uint8, 30)
		(&Plan{m, g}).Draw(dst, 1, 2, row, &Scratch{})
		if k := count(dst); k < 4 || k > m.Most(g) {
			t.Fatalf("row %d hides %d steps, want 4 to %d", row, k, m.Most(g))
		}
		for i := 0; i < 30; {
			from := i
			for i < 30 && dst[i] == 1 {
				i++
			}
			if i > from && i-from < 4 {
				t.Fatalf("row %d: a run of %d steps, want at least 4: %v", row, i-from, dst)
			}
			i++
		}
		for i, v := range dst {
			seen[i] += int(v)
		}
	}
	if seen[29] != 0 || seen[0] == 0 || seen[15] < 150 {
		t.Errorf("hidden how often by step: %v; want never the last, and those of the middle most", seen)
	}
}

func TestLines(t *testing.T) {
	m, g := &Lines{Time: 0.5, Frequency: 0.25}, Grid{1, 6, 4}
	r := datasets.NewRand(1, "x")
	rows := map[string]bool{}
	for range 50 {
		dst := make([]uint8, 24)
		m.Draw(dst, g, nil, &r, &Scratch{})
		if k := 24 - count(dst); k != m.Visible(g) || k != 9 {
			t.Fatalf("%d tokens are visible, want 3 rows of 3", k)
		}
		line := ""
		for i := range 6 {
			whole := count(dst[i*4:][:4]) == 4
			line += map[bool]string{true: "x", false: "."}[whole]
		}
		if strings.Count(line, "x") != 3 {
			t.Fatalf("rows %s are hidden, want 3", line)
		}
		rows[line] = true
	}
	if len(rows) < 12 {
		t.Errorf("only %d of 20 choices of rows in 50 draws", len(rows))
	}
}

func TestSoundMaskErrors(t *testing.T) {
	for want, c := range map[string]struct {
		k Kind
		g Grid
	}{
		"want a sequence":                                {DefaultSpan(), Grid{1, 5, 5}},
		"length = 10, want 1 to 4 steps of 5":            {DefaultSpan(), Grid{1, 5, 1}},
		"is less than a run of length = 10":              {&Span{Ratio: 0.1, Length: 10}, Grid{1, 50, 1}},
		"ratio = 1.5":                                    {&Span{Ratio: 1.5, Length: 10}, Grid{1, 50, 1}},
		"hide 0 of 4 rows and 0 of 4 columns":            {&Lines{}, Grid{1, 4, 4}},
		"hide 4 of 4 rows":                               {&Lines{Time: 0.9}, Grid{1, 4, 4}},
		"time = 1, frequency = 0, want shares":           {&Lines{Time: 1}, Grid{1, 4, 4}},
		"lines: a grid of 2x4x4 tokens, want one frame:": {&Lines{Time: 0.5}, Grid{2, 4, 4}},
	} {
		if err := c.k.Validate(c.g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

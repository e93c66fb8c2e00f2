package masks

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func draw(t testing.TB, p *Plan, seed uint64, step, row int) []uint8 {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	dst := make([]uint8, p.Size())
	for i := range dst {
		dst[i] = 7 // what an old buffer may hold
	}
	p.Draw(dst, seed, step, row, new(Scratch))
	for i, v := range dst {
		if v > 1 {
			t.Fatalf("byte %d is %d, want 0 or 1", i, v)
		}
	}
	return dst
}

var image14 = Grid{1, 14, 14}

func TestPlaceDecidesTheMask(t *testing.T) {
	for _, k := range []Kind{&Columns{Ratio: 0.5}, DefaultRandom(), DefaultBlock(), DefaultMultiBlock(),
		DefaultWindow(), DefaultCoarse(), DefaultInverseBlock(),
		&Varied{Probability: 1, Ratio: [2]float64{0.1, 0.5}}, &Cosine{}} {
		p := &Plan{k, image14}
		base := draw(t, p, 1, 2, 3)
		for _, c := range []struct {
			seed      uint64
			step, row int
			same      bool
		}{{1, 2, 3, true}, {2, 2, 3, false}, {1, 4, 3, false}, {1, 2, 4, false}} {
			if same := bytes.Equal(draw(t, p, c.seed, c.step, c.row), base); same != c.same {
				t.Errorf("%T: seed %d, step %d, row %d: equal to the first is %v, want %v", k, c.seed, c.step, c.row,
					same, c.same)
			}
		}
	}
}

// Every token is hidden about as often as its share says, and the count is exact.
func TestExactCounts(t *testing.T) {
	for _, c := range []struct {
		plan Plan
		want int
	}{
		{Plan{DefaultRandom(), image14}, 147},
		{Plan{DefaultRandom(), Grid{1, 7, 7}}, 37}, // 12 stay, as MAE counts
		{Plan{DefaultTube(), Grid{8, 14, 14}}, 8 * 177},
		{Plan{DefaultWindow(), image14}, 147},
		{Plan{DefaultCoarse(), image14}, 4 * 30}, // rounded up, as SimMIM does
		{Plan{DefaultInverseBlock(), image14}, 157},
		{Plan{&Window{Side: 7, Ratio: 35. / 49}, image14}, 140},
		{Plan{&Block{Ratio: 0.4, Smallest: 16, Aspect: 0.3, Exact: true}, image14}, 78},
		{Plan{&Columns{Ratio: 0.6}, Grid{1, 1, 16}}, 9}, // rounded down, as SCARF does
		{Plan{&Columns{Ratio: 0.3}, Grid{1, 1, 10}}, 3}, // 0.3 is a little less than 3/10 in binary
	} {
		t.Run(fmt.Sprintf("%T on %s", c.plan.Kind, c.plan.Grid), func(t *testing.T) {
			times := make([]int, c.plan.Grid.Tokens())
			const n = 400
			for row := range n {
				m := draw(t, &c.plan, 1, 0, row)
				if got := count(m); got != c.want {
					t.Fatalf("row %d hides %d tokens, want %d", row, got, c.want)
				}
				for i, v := range m {
					times[i] += int(v)
				}
			}
			for i, k := range times {
				if k == 0 || k == n {
					t.Errorf("token %d is hidden in %d of %d masks", i, k, n)
				}
			}
		})
	}
}

func TestTubeIsTheSameInEveryFrame(t *testing.T) {
	p := &Plan{DefaultTube(), Grid{4, 6, 5}}
	m := draw(t, p, 1, 0, 0)
	for f := 1; f < 4; f++ {
		if !bytes.Equal(m[f*30:(f+1)*30], m[:30]) {
			t.Errorf("frame %d differs from frame 0", f)
		}
	}
}

func TestWindowsHideAlike(t *testing.T) {
	g := Grid{1, 8, 12}
	p := &Plan{&Window{Side: 4, Ratio: 0.5}, g}
	m := draw(t, p, 1, 0, 0)
	for y := 0; y < 8; y += 4 {
		for x := 0; x < 12; x += 4 {
			if n := 16 - (block{y, x, 4, 4}).fresh(m, 12); n != 8 {
				t.Errorf("the window at %d, %d hides %d of 16, want 8", y, x, n)
			}
		}
	}
	fine := make([]uint8, 4*len(m))
	Repeat(fine, m, g, 2)
	for y := range 16 {
		for x := range 24 {
			if fine[y*24+x] != m[y/2*12+x/2] {
				t.Fatalf("the finer mask differs at %d, %d", y, x)
			}
		}
	}
}

// Block masks never hide more than asked, come close to it, and hide rectangles: most hidden tokens have a hidden
// neighbour.
func TestBlock(t *testing.T) {
	p := &Plan{DefaultBlock(), image14}
	sum, together := 0, 0
	for row := range 300 {
		m := draw(t, p, 1, 0, row)
		n := count(m)
		if n > 78 || n < 16 {
			t.Fatalf("row %d hides %d of 196, want 16 to 78", row, n)
		}
		sum += n
		for i, v := range m {
			if v == 1 && (i%14 > 0 && m[i-1] == 1 || i%14 < 13 && m[i+1] == 1) {
				together++
			}
		}
	}
	if mean := float64(sum) / 300; mean < 60 {
		t.Errorf("hides %.1f tokens in the mean, want near 78", mean)
	}
	if share := float64(together) / float64(sum); share < 0.9 {
		t.Errorf("%.2f of the hidden tokens have a hidden neighbour in their row, want most", share)
	}
}

func TestMultiBlock(t *testing.T) {
	p := &Plan{DefaultMultiBlock(), Grid{1, 16, 16}}
	for step := range 50 {
		size := 0
		for row := range 20 {
			m := draw(t, p, 1, step, row)
			context := m[:256]
			for k := 1; k <= 4; k++ {
				target := m[k*256 : (k+1)*256]
				n := count(target)
				if size == 0 {
					size = n
				}
				if n != size {
					t.Fatalf("step %d, row %d, target %d has %d tokens, the first of the step has %d", step, row, k, n,
						size)
				}
				if n < 30 || n > 60 { // 0.15 to 0.2 of 256, sides rounded
					t.Fatalf("step %d: a target has %d of 256 tokens", step, n)
				}
				for i, v := range target {
					if v == 1 && context[i] == 1 {
						t.Fatalf("step %d, row %d: token %d is in the context and in target %d", step, row, i, k)
					}
				}
			}
			if n := count(context); n < 10 {
				t.Fatalf("step %d, row %d: the context has %d tokens, want at least 10", step, row, n)
			}
		}
	}
	// Targets that cover nearly everything: the context still comes, over the last target.
	full := &Plan{&MultiBlock{Targets: 2, TargetScale: [2]float64{1, 1}, TargetAspect: [2]float64{1, 1},
		ContextScale: [2]float64{0.9, 1}, LeastContext: 10}, Grid{1, 8, 8}}
	if n := count(draw(t, full, 1, 0, 0)[:64]); n < 10 {
		t.Errorf("a context of %d tokens under full targets, want at least 10", n)
	}
}

func TestBandsAreWhole(t *testing.T) {
	g := Grid{1, 50, 80}
	p := &Plan{DefaultBands(), g}
	hiddenTime := 0
	for row := range 200 {
		m := draw(t, p, 1, 0, row)
		rows, columns := 0, 0
		for y := range g.Rows {
			rows += g.Columns - (block{y, 0, 1, g.Columns}).fresh(m, g.Columns)
		}
		full := func(b block) bool { return b.fresh(m, g.Columns) == 0 }
		var hideRow, hideColumn []bool
		for y := range g.Rows {
			hideRow = append(hideRow, full(block{y, 0, 1, g.Columns}))
		}
		for x := range g.Columns {
			hideColumn = append(hideColumn, full(block{0, x, g.Rows, 1}))
			if hideColumn[x] {
				columns++
			}
		}
		for i, v := range m {
			if (v == 1) != (hideRow[i/g.Columns] || hideColumn[i%g.Columns]) {
				t.Fatalf("row %d: token %d, %d is %d outside every band", row, i/g.Columns, i%g.Columns, v)
			}
		}
		if all := count(m) == g.Tokens(); columns > 54 && !all {
			t.Errorf("row %d: %d of 80 frequencies hidden, want at most 2 x 27", row, columns)
		}
		if hideRow[25] {
			hiddenTime++
		}
	}
	if hiddenTime == 0 || hiddenTime == 200 {
		t.Errorf("the middle is hidden in %d of 200 masks", hiddenTime)
	}
}

func TestValidateMasks(t *testing.T) {
	for _, c := range []struct {
		plan    Plan
		message string
	}{
		{Plan{nil, image14}, "want a kind"},
		{Plan{DefaultRandom(), Grid{1, 0, 4}}, "1x0x4"},
		{Plan{&Random{1}, image14}, "ratio = 1"},
		{Plan{&Random{0.1}, Grid{1, 1, 1}}, "hides 1 of 1"},
		{Plan{DefaultBlock(), Grid{2, 14, 14}}, "one frame"},
		{Plan{&Block{Ratio: 0.4, Smallest: 0, Aspect: 1}, image14}, "smallest = 0"},
		{Plan{&Columns{Ratio: 0.1}, Grid{1, 1, 9}}, "ratio = 0.1 chooses none of 9 columns"},
		{Plan{&Columns{Ratio: 1.1}, Grid{1, 1, 9}}, "ratio = 1.1"},
		{Plan{&Window{Side: 3, Ratio: 0.5}, image14}, "does not divide"},
		{Plan{&Window{Side: 2, Ratio: 0.6}, image14}, "hides 2.4 of 4"},
		{Plan{&Bands{TimeWidth: 1, FrequencyWidth: 1, TimeFraction: 1}, image14}, "time_bands = 0"},
		{Plan{DefaultMultiBlock(), Grid{1, 3, 3}}, "least_context = 10"},
		{Plan{&MultiBlock{Targets: 1, TargetScale: [2]float64{0.5, 0.2}, TargetAspect: [2]float64{1, 1},
			ContextScale: [2]float64{1, 1}, LeastContext: 1}, image14}, "target_scale"},
	} {
		if err := c.plan.Validate(); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%+v: got %v, want an error with %q", c.plan, err, c.message)
		}
	}
}

func TestDrawAllocatesNothing(t *testing.T) {
	for _, k := range []Kind{&Columns{Ratio: 0.5}, DefaultRandom(), DefaultBlock(), DefaultMultiBlock(),
		DefaultWindow(), DefaultTube(), DefaultBands()} {
		p := &Plan{k, image14}
		dst, s := make([]uint8, p.Size()), new(Scratch)
		p.Draw(dst, 1, 0, 0, s)
		if n := testing.AllocsPerRun(20, func() { p.Draw(dst, 1, 1, 0, s) }); n > 2 { // the two streams
			t.Errorf("%T: %v allocations a draw, want at most 2", k, n)
		}
	}
}

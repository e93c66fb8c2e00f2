package evaluations

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// columns of 3 blocks of 2 numbers each: class tokens of the last but two, the last but one, the last; means of the
// last, the last but one, the last but two.
func TestBlockColumns(t *testing.T) {
	p := DefaultLinearSGD()
	p.Rates, p.Blocks, p.Pool = []float64{0.1, 0.01}, []int{3, 1}, []string{"class", "mean", "both"}
	f := Features{Dim: 12, Blocks: &Blocks{Count: 3, Dim: 2, HasClass: true}}
	var got []string
	for _, c := range p.choices(f) {
		got = append(got, fmt.Sprintf("%d %s %v %d %d", c.blocks, c.pool, c.rate, c.from, c.to))
	}
	want := []string{
		"1 class 0.01 4 6", "1 class 0.1 4 6", "1 mean 0.01 6 8", "1 mean 0.1 6 8", "1 both 0.01 4 8",
		"1 both 0.1 4 8",
		"3 class 0.01 0 6", "3 class 0.1 0 6", "3 mean 0.01 6 12", "3 mean 0.1 6 12", "3 both 0.01 0 8",
		"3 both 0.1 0 8",
	}
	if !slices.Equal(got, want) {
		t.Errorf("choices\n%q, want\n%q", got, want)
	}
	f.Blocks = &Blocks{Count: 2, Dim: 3}
	p.Rates, p.Blocks, p.Pool = []float64{0.1}, []int{2}, []string{"mean"}
	if c := p.choices(f); len(c) != 1 || c[0].from != 0 || c[0].to != 6 {
		t.Errorf("without class tokens the means of two blocks are %+v, want columns 0 to 6", c)
	}
}

// The label stands in one token alone. The input that has it, and as little else as can be, is chosen by the validation
// split: nothing but the split tells them apart.
func TestLinearSGDChoosesTokens(t *testing.T) {
	const n, m, dim = 400, 200, 3
	for _, c := range []struct {
		at     int // column of the label, of 4 tokens of 3 numbers
		blocks int
		pool   []string // that have it
	}{{3, 1, []string{"class", "both"}}, {0, 2, []string{"class", "both"}}, {6, 1, []string{"mean", "both"}},
		{9, 2, []string{"mean"}}} {
		r := rand.New(rand.NewPCG(3, uint64(c.at)))
		draw := func(n int) (x []float32, y []int32) {
			for range n {
				label := int32(r.IntN(2))
				row := make([]float32, 4*dim)
				for j := range row {
					row[j] = float32(r.NormFloat64())
				}
				row[c.at] += float32(6*label - 3)
				x, y = append(x, row...), append(y, label)
			}
			return x, y
		}
		f := Features{Dim: 4 * dim, Classes: 2, Seed: 1, Blocks: &Blocks{Count: 2, Dim: dim, HasClass: true}}
		f.TrainX, f.TrainY = draw(n)
		f.TestX, f.TestY = draw(m)
		for i := int32(0); i < n; i += 4 {
			f.Held = append(f.Held, i)
		}
		p := DefaultLinearSGD()
		p.Rates, p.Blocks, p.Pool, p.Batch = []float64{0.01, 0.1}, []int{1, 2}, []string{"class", "mean", "both"}, 64
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		s := rs[0].Settings
		if rs[0].Value < 0.97 || s["blocks"] != c.blocks || !slices.Contains(c.pool, s["pool"].(string)) {
			t.Errorf("label in column %d: %v with %v blocks and pool %v, want %d and one of %v", c.at, rs[0].Value,
				s["blocks"], s["pool"], c.blocks, c.pool)
		}
	}
}

// With other features for every epoch these are learnt from, one set an epoch, twice: to choose, and then from all.
func TestLinearSGDLearnsFromAugmented(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const n, dim = 300, 4
	f := Features{Dim: dim, Classes: 2, Seed: 1, TrainX: make([]float32, n*dim), TestX: make([]float32, n*dim)}
	for i := range n {
		f.TrainY, f.TestY = append(f.TrainY, int32(i%2)), append(f.TestY, int32(i%2))
		for j := range dim {
			f.TrainX[i*dim+j], f.TestX[i*dim+j] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		f.TestX[i*dim] += float32(6*(i%2) - 3)
		if i%5 == 0 {
			f.Held = append(f.Held, int32(i))
			f.TrainX[i*dim] = f.TestX[i*dim] // the split is not augmented
		}
	}
	var epochs []int
	f.Augmented = func(_ context.Context, epoch int) ([]float32, error) {
		epochs = append(epochs, epoch)
		return f.TestX, nil // where the label is, in the same order
	}
	p := DefaultLinearSGD()
	p.Rates, p.Epochs, p.Batch, p.Augment = []float64{0.01, 0.1}, 3, 32, true
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(epochs, []int{0, 1, 2, 0, 1, 2}) || rs[0].Value < 0.97 {
		t.Errorf("epochs %v, top1 %v; want 0 to 2 twice, and nearly 1", epochs, rs[0].Value)
	}
}

// The means stand behind the class tokens, the last block's first.
func TestBlockMeans(t *testing.T) {
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8} // two rows of two blocks of two
	got := (&Blocks{Count: 2, Dim: 2, HasClass: true}).Means(x)
	if len(got) != 2 || !slices.Equal(got[0].X, []float32{5, 6, -5, -6}) || !slices.Equal(got[1].X,
		[]float32{7, 8, -7, -8}) {
		t.Errorf("with class tokens %+v", got)
	}
	got = (&Blocks{Count: 2, Dim: 4}).Means(x)
	if len(got) != 2 || !slices.Equal(got[1].X, []float32{5, 6, 7, 8, -5, -6, -7, -8}) {
		t.Errorf("without class tokens %+v", got)
	}
}

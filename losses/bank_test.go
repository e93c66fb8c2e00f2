package losses_test

import (
	"math"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/losses"
)

// Two steps with a bank against plain loops: the loss by noise-contrastive estimation, whose constant is the first
// step's, and the rows that were seen, which move by the momentum after the first epoch. The noise is the whole bank.
func TestBank(t *testing.T) {
	const n, b, d, tau, momentum = 5, 2, 3, 0.4, 0.8
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		bank, rows, u := losses.NewBank(s, n, d, n, tau), s.IntInput("rows", b), s.Input("u", b, d)
		s.Output("loss", bank.Loss("log_z", u, bank.Of(rows), bank.Draw(), rows))
		bank.Remember(rows, u, momentum)
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	u, err := p.Input("u")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := p.Input("rows")
	if err != nil {
		t.Fatal(err)
	}
	r, z := graph.Rand(5, "rows"), 0.0
	for step := range 2 {
		copy(rows.I32, []int32{int32(3 - step), int32(step)})
		for i := range u.F32 {
			u.F32[i] = float32(r.NormFloat64())
		}
		for i := range b {
			unit(u.F32[i*d : (i+1)*d])
		}
		bank := slices.Clone(st.Get("bank").F32)
		score := func(i, row int) float64 {
			sum := 0.0
			for j := range d {
				sum += float64(u.F32[i*d+j]) * float64(bank[row*d+j])
			}
			return math.Exp(sum / tau)
		}
		if step == 0 {
			for i := range b {
				for row := range n {
					z += score(i, row) / b // n times the mean
				}
			}
		}
		want := 0.0
		for i := range b {
			noise := float64(n) / n // M Pn
			own := score(i, int(rows.I32[i])) / z
			want -= math.Log(own/(own+noise)) / b
			for row := range n {
				want -= math.Log(noise/(score(i, row)/z+noise)) / b
			}
		}
		p.Schedule(graph.Time{Step: step, Steps: 2, PerEpoch: 1})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		out, err := p.Output("loss")
		if err != nil {
			t.Fatal(err)
		}
		if got := out.At(0); math.Abs(got-want) > 1e-5*want {
			t.Errorf("step %d: the loss is %v, want %v", step, got, want)
		}
		for i, row := range rows.I32[:b] {
			at := bank[int(row)*d : int(row+1)*d]
			for j := range at {
				if step == 0 { // of the first epoch
					at[j] = 0
				}
				at[j] = momentum*at[j] + (1-momentum)*u.F32[i*d+j]
			}
			unit(at)
		}
		for i, v := range st.Get("bank").F32 {
			if math.Abs(float64(v-bank[i])) > 1e-6 {
				t.Errorf("step %d: the bank holds %v, want %v", step, st.Get("bank").F32, bank)
				break
			}
		}
	}
}

// Without noise the loss is the cross-entropy of the own row among the whole bank.
func TestBankWithoutNoise(t *testing.T) {
	const n, b, d, tau = 4, 2, 3, 0.5
	in, out := compute(t, func(s *graph.Scope) {
		bank, rows, u := losses.NewBank(s, n, d, 0, tau), s.Ints("rows", []int32{2, 0}), s.Input("u", b, d)
		s.Output("loss", bank.Loss("log_z", u, bank.Of(rows), bank.Draw(), rows))
		s.Output("bank", bank.Of(s.Ints("all", []int32{0, 1, 2, 3})))
	}, nil)
	want := 0.0
	for i, own := range []int{2, 0} {
		logits := make([]float64, n)
		for row := range n {
			for j := range d {
				logits[row] += in("u")[i*d+j] * out("bank")[row*d+j] / tau
			}
		}
		want -= math.Log(softmax(logits, n)[own]) / b
	}
	expect(t, "loss", out("loss"), []float64{want})
}

// With Softmax the loss is the cross-entropy of the own row, first, among it and the noise.
func TestBankSoftmax(t *testing.T) {
	const n, b, d, tau = 4, 2, 3, 0.5
	_, out := compute(t, func(s *graph.Scope) {
		bank, rows, u := losses.NewBank(s, n, d, 3, tau), s.Ints("rows", []int32{2, 0}), s.Input("u", b, d)
		bank.Softmax = true
		noise := bank.Draw()
		s.Output("loss", bank.Loss("log_z", u, bank.Of(rows), noise, rows))
		s.Output("logits", losses.Logits(u, bank.Of(rows), noise, tau))
	}, nil)
	want := 0.0
	for i := range b {
		want -= math.Log(softmax(out("logits")[i*4:(i+1)*4], 4)[0]) / b
	}
	expect(t, "loss", out("loss"), []float64{want})
}

// unit scales a row to unit length.
func unit(row []float32) {
	var squares float64
	for _, v := range row {
		squares += float64(v) * float64(v)
	}
	for i := range row {
		row[i] /= float32(math.Sqrt(squares))
	}
}

package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// Features that hold one of two channels, and noise, explain half; with both channels they explain all but the noise of
// the fit, and features that hold neither explain nothing. By loops: r2 of a feature that is the channel plus noise of
// the same variance is a half of that channel.
func TestColour(t *testing.T) {
	const n, dim = 2000, 5
	for _, c := range []struct {
		held int
		want float64
	}{{0, 0}, {1, 0.5}, {2, 1}} {
		r := rand.New(rand.NewPCG(1, uint64(c.held)))
		draw := func() (x []float32, colours []float64) {
			for range n {
				a, b := r.Float64(), r.Float64()
				colours = append(colours, a, b)
				row := make([]float32, dim)
				for j := range row {
					row[j] = float32(r.NormFloat64())
				}
				if c.held > 0 {
					row[1] = float32(2*a - 5)
				}
				if c.held > 1 {
					row[3] = float32(-b)
				}
				x = append(x, row...)
			}
			return x, colours
		}
		f := Features{Dim: dim, Sources: 2}
		f.TrainX, f.TrainSources = draw()
		f.TestX, f.TestSources = draw()
		rs, err := DefaultColour().Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(rs[0].Value-c.want) > 0.02 {
			t.Errorf("with %d channels r2 is %v, want %v", c.held, rs[0].Value, c.want)
		}
	}
}

// Whatever fits by iterations says so where these do not suffice.
func TestFitsThatHaveNotConvergedAreMarked(t *testing.T) {
	f := clouds(400, 200, 10, 4, 2, 3)
	f.Corrupted = func(context.Context, string, int) ([]float32, error) { return f.TestX, nil }
	f.Attack = &Attack{TestX: f.TestX, TestY: f.TestY}
	f.Attack.Run = func(context.Context, []float32, []float32, Ball) ([]float32, error) { return f.TestX, nil }
	linear, calibration, noise, groups := DefaultLinear(), DefaultCalibration(), DefaultLabelNoise(), DefaultGroups()
	corruptions, pgd, low, transfer := DefaultCorruptions(), DefaultPGD(), DefaultLowShot(), DefaultTransfer()
	clusters := DefaultClustering()
	for name, p := range map[string]struct {
		Protocol
		limit *int
	}{
		"linear": {linear, &linear.Iterations}, "calibration": {calibration, &calibration.Iterations},
		"label_noise": {noise, &noise.Iterations}, "groups": {groups, &groups.Iterations},
		"corruptions": {corruptions, &corruptions.Iterations}, "pgd": {pgd, &pgd.Iterations},
		"low_shot": {low, &low.Iterations}, "clustering": {clusters, &clusters.Iterations},
		"transfer": {transfer, &transfer.Iterations},
	} {
		*p.limit = 1
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		marked := 0
		for _, r := range rs {
			for _, note := range r.Notes {
				if strings.Contains(note, "not converged") {
					marked++
					break
				}
			}
		}
		least := len(rs)
		switch name {
		case "transfer": // its neighbours fit nothing
			least = len(rs) / 2
		case "low_shot":
			least = 1
		}
		if marked < least || marked == 0 {
			t.Errorf("%s: %d of %d results are marked after one iteration: %+v", name, marked, len(rs), rs[0])
		}
	}
}

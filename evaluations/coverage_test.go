package evaluations_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"selfsup/evaluations"
)

// States are counted, and the entropy is that of the shares: 1/4, 1/4 and 1/2, and 2/2.
func TestCoverage(t *testing.T) {
	p, ctx := evaluations.DefaultCoverage(), context.Background()
	got, err := p.Evaluate(ctx, evaluations.Features{Visits: []int{1, 1, 2}, RandomVisits: []int{2}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"states": 3, "entropy": 1.5 * math.Ln2, "states at random": 1, "entropy at random": 0}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, r := range got {
		if v, ok := want[r.Metric]; !ok || math.Abs(r.Value-v) > 1e-12 {
			t.Errorf("%s is %v, want %v", r.Metric, r.Value, v)
		}
	}
	for text, visits := range map[string][]int{"no step was taken": nil, "a state with 0 visits": {3, 0}} {
		_, err := p.Evaluate(ctx, evaluations.Features{Visits: []int{1}, RandomVisits: visits})
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: got %v, want %q", visits, err, text)
		}
	}
}

package methods_test

import (
	"regexp"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// A mistake in the building of a graph is an error with the line of the method, and of the head or backbone where it
// happened; a panic too.
func TestBuildErrorsNameTheMethodsLine(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(s *graph.Scope)
		want  string
	}{
		{"a head's constructor", func(s *graph.Scope) { heads.MLP(s, 4, 8, 0) },
			` \(methods/lines_test\.go:\d+, in heads/mlp\.go:\d+\)$`},
		{"a head's layer", func(s *graph.Scope) { heads.MLP(s, 4, 8)(s.Input("x", 2, 5)) },
			`inner sizes 5 and 4 differ \(methods/lines_test\.go:\d+\)$`},
		{"a panic", func(*graph.Scope) { var none []int; _ = none[2] },
			`^graph: panic: .*index out of range \[2\] with length 0 \(methods/lines_test\.go:\d+\)$`},
		{"a panic below", func(s *graph.Scope) { heads.MLP(nil, 4, 8) },
			`^graph: panic: .* \(methods/lines_test\.go:\d+, in heads/mlp\.go:\d+\)$`},
		{"no node", func(*graph.Scope) { op.ShapeOf(nil) }, `^graph: panic: .* \(methods/lines_test\.go:\d+\)$`},
		{"what a batch cannot give", func(s *graph.Scope) {
			methods.NewBatch(s, 2, methodtest.Data(feed.Field{Name: "view0", Shape: []int{4}})).Views(2)
		}, `test data have no field "view1"; they have view0 \(methods/lines_test\.go:\d+\)$`},
		{"what does not fit", func(s *graph.Scope) { methods.NewBatch(s, 2, methods.Data{}).Unfit("no %d", 1) },
			`^graph: no 1 \(methods/lines_test\.go:\d+\)$`},
		{"an encoder of another view", func(s *graph.Scope) {
			f := feed.Field{Name: "view0", Shape: []int{4}}
			methods.EncoderOf(backbones.DefaultMLP(), f).New(s)(s.Input("x", 2, 5))
		}, `no multiple of 4 \(methods/lines_test\.go:\d+, in backbones/mlp\.go:\d+\)$`},
		{"a shipped method", func(s *graph.Scope) {
			enc := methods.Encoder{Dim: 4}
			methods.DefaultSupervised().Build(s, enc, methods.NewBatch(s, 2, methods.Data{}))
		}, `at least 2 classes, this one has 0 \(methods/supervised\.go:\d+\)$`},
	} {
		_, err := graph.Build(graph.Options{}, c.build)
		if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

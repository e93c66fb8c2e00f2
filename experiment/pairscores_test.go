package experiment_test

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// Towers that learned from captions of which a third is wrong tell most of the wrong ones.
func TestPairScores(t *testing.T) {
	text := squares(t, 160)
	sum, err := train(t, load(t, text, `train.length="60 steps"`, "captions.wrong=0.3", "evaluate.zero_shot=false"),
		nil)
	if err != nil {
		t.Fatal(err)
	}
	o := experiment.Options{Messages: io.Discard}
	scores, err := experiment.PairScores(context.Background(), sum.Run, false, recipes.Builtin(), o)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, s := range scores {
		if s.Row != int32(i) || s.Name == "" || !strings.Contains(s.Text, "square") {
			t.Fatalf("score %d is %+v", i, s)
		}
		if s.Wrong {
			wrong++
		}
	}
	if len(scores) != 128 || wrong != 38 { // a fifth of the pictures are the test set
		t.Fatalf("%d pairs, %d of them wrong; want 128 and 38", len(scores), wrong)
	}
	slices.SortFunc(scores, func(a, b experiment.PairScore) int { return cmp.Compare(a.Cosine, b.Cosine) })
	found := 0
	for _, s := range scores[:wrong] {
		if s.Wrong {
			found++
		}
	}
	// Some of the wrong captions say the same as the right ones: of 3 colours and 2 places, one in six.
	if found < wrong*6/10 {
		t.Errorf("of the %d pairs that fit least %d are wrong, want most", wrong, found)
	}
	one, err := train(t, load(t, small, `train.length="1 step"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = experiment.PairScores(context.Background(), one.Run, false, recipes.Builtin(), o)
	if err == nil || !strings.Contains(err.Error(), "method with a tower for captions") {
		t.Errorf("of SimCLR: %v", err)
	}
}

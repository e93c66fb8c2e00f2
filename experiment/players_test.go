package experiment

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/recipes"
)

// rivals is a method of somebody else with two players on layers of their own.
type rivals struct {
	First  []string `toml:"first"` // scopes of the players
	Second []string `toml:"second"`
	Turn   int      `toml:"turn"` // of the second
	Locked bool     `toml:"locked"`
}

func (*rivals) Validate() error { return nil }

func (m *rivals) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h := enc.New(s)(b.View(0))
	third := s.In("third")
	if m.Locked {
		third = third.Locked()
	}
	one := op.MeanAll(op.Square(op.Shift(layer.Linear(s.In("one"), enc.Dim, 3, true)(h), 1)))
	two := op.MeanAll(op.Square(layer.Linear(third, 3, 2, true)(layer.Linear(s.In("two"), enc.Dim, 3, true)(h))))
	return methods.Objective{
		Features: h,
		Players: []methods.Player{
			{Name: "ann", Scopes: m.First, Terms: []methods.Term{{Name: "ann", Weight: 1, Value: one}}},
			{Name: "bob", Scopes: m.Second, Turn: m.Turn, Terms: []methods.Term{{Name: "bob", Weight: 1, Value: two}}},
		},
		Pictures: []methods.Picture{{Name: "seen", Value: b.View(0)}},
	}
}

func rivalsRecipe(t *testing.T, sets ...string) *recipes.Loaded {
	t.Helper()
	catalog := recipes.Builtin()
	catalog.Methods["rivals"] = func() methods.Method { return &rivals{} }
	r, err := recipes.Load("quickstart.toml", append([]string{
		`method="rivals"`, "backbone.convnet.widths=[4]", "train.batch=16", `train.length="3 steps"`,
		`train.log="1 step"`,
		"evaluate.knn=false", "evaluate.linear=false",
	}, sets...), catalog)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Players share no parameter, and leave none out: a method that says otherwise is told which, with the line of its
// Build.
func TestPlayersDivideTheParameters(t *testing.T) {
	for _, c := range []struct{ first, second, locked, want string }{
		{`["backbone","one"]`, `["two","third"]`, "false", ""},
		{`["backbone","one"]`, `["two"]`, "true", ""},
		{`["backbone","one"]`, `["two"]`, "false", "leaves the parameter third/weight to no player; want it " +
			"below the Scopes of one, or in a Locked scope"},
		{`["one"]`, `["two","third"]`, "false", "leaves the parameter backbone/0/conv/weight to no player"},
		{`["backbone","one"]`, `["two","third","backbone/0/norm"]`, "false",
			"gives the parameter backbone/0/norm/weight to the players ann and bob; want Scopes that have " +
				"nothing in common"},
		{`["backbone","one","two","third"]`, `["four"]`, "false",
			`returns the player "bob" with Scopes ["four"], below which there is no parameter`},
		{`["backbone","one"]`, `["two","third","on"]`, "false", ""}, // "on" is not above "one"
	} {
		_, err := Prepare(rivalsRecipe(t, "method.rivals.first="+c.first, "method.rivals.second="+c.second,
			"method.rivals.locked="+c.locked))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s and %s: %v", c.first, c.second, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), "[method.rivals] Build "+c.want) ||
			!regexp.MustCompile(`players_test\.go:\d+\)$`).MatchString(err.Error())):
			t.Errorf("%s and %s: got %v, want %s and the line", c.first, c.second, err, c.want)
		}
	}
}

// A loss that does not reach what its player moves is an error that names the parameter.
func TestPlayerWithoutEffect(t *testing.T) {
	_, err := Prepare(rivalsRecipe(t, `method.rivals.first=["two","third"]`, `method.rivals.second=["backbone","one"]`))
	if want := "third/weight: the loss does not depend on this parameter"; err == nil || !strings.Contains(err.Error(),
		want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Of two turns the second sees what the first has changed; of one, both see the same network. Each moves its own
// parameters alone.
func TestTurns(t *testing.T) {
	for turn := range 2 {
		s, err := Prepare(rivalsRecipe(t, `method.rivals.first=["backbone","one"]`,
			`method.rivals.second=["two","third"]`, fmt.Sprint("method.rivals.turn=", turn)))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.turns) != turn+1 {
			t.Fatalf("turn %d: %d programs", turn, len(s.turns))
		}
		trains := func(n int, name string) bool {
			for _, p := range s.turns[n].params {
				if p == name {
					return true
				}
			}
			return false
		}
		for name, want := range map[string]int{"one/weight": 0, "backbone/0/conv/weight": 0, "two/weight": turn,
			"third/bias": turn} {
			for n := range s.turns {
				if trains(n, name) != (n == want) {
					t.Errorf("turn %d: program %d trains %s: %v, want %v", turn, n, name, trains(n, name), n == want)
				}
			}
		}
		before := s.Store.Hash("two")
		s.Train.Schedule(s.Time(1)) // a step whose rate is above 0
		if err := s.Train.Run(); err != nil {
			t.Fatal(err)
		}
		if moved := s.Store.Hash("two") != before; moved != (turn == 0) {
			t.Errorf("turn %d: the first program moves the second player: %v", turn, moved)
		}
	}
}

// What a method shows is in the run folder as a picture, and not in the log; what is no picture is an error.
func TestPictures(t *testing.T) {
	sum, err := Run(rivalsRecipe(t, `method.rivals.first=["backbone","one"]`, `method.rivals.second=["two","third"]`,
		"method.rivals.turn=1"),
		Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(sum.Run, "seen.png")); err != nil || info.Size() < 1000 {
		t.Errorf("no picture of what the method shows: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(sum.Run, "metrics.jsonl"))
	if err != nil || strings.Contains(string(text), "picture") || !strings.Contains(string(text), `"bob":`) {
		t.Errorf("metrics %s (%v): want ann and bob and no picture", text, err)
	}
	for want, shown := range map[string]methods.Picture{
		`returns the picture ""; want a name for each`:                                     {},
		`returns the picture "x" without a Value`:                                          {Name: "x"},
		`returns the picture "x" of shape [2,3]; want images [N,H,W,C] of 1 or 3 channels`: {Name: "x"},
	} {
		_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			if strings.Contains(want, "shape") {
				shown.Value = s.Input("x", 2, 3)
			}
			checkPictures([]methods.Picture{shown}, func(format string, args ...any) { op.Fail("", format, args...) })
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

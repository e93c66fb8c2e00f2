package experiment

import (
	"errors"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/internal/room"
	"selfsup/recipes"
)

// planned is a recipe whose training is planned and has taken no memory.
func planned(t *testing.T, sets ...string) *Setup {
	t.Helper()
	r, err := recipes.Load("byol.toml", append([]string{"train.batch=256"}, sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSetup(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.openData(); err != nil {
		t.Fatal(err)
	}
	s.Store = s.newStore()
	if err := s.plan(int64(r.MemoryLimit)); err != nil {
		t.Fatal(err)
	}
	if err := s.addStages(); err != nil {
		t.Fatal(err)
	}
	return s
}

// What a run needs is compared with what is left: enough is enough, a byte less is an error. Where the step could keep
// less, a memory_limit is named with which the run has room. Nothing is taken meanwhile.
func TestRoom(t *testing.T) {
	s := planned(t)
	n, err := s.needs()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.checkRoom(room.Room{Bytes: n.total(), Limit: "a test"}); err != nil {
		t.Errorf("just enough is refused: %v", err)
	}
	if err := s.checkRoom(room.Unlimited); err != nil {
		t.Errorf("no limit is refused: %v", err)
	}
	refused := func(left int64) *RoomError {
		t.Helper()
		var e *RoomError
		if err := s.checkRoom(room.Room{Bytes: left, Limit: "a test"}); !errors.As(err, &e) {
			t.Fatalf("%d bytes of %d: the error is %v", left, n.total(), err)
		}
		return e
	}
	few := refused(n.total() - 1)
	if !strings.Contains(few.Error(), "byol.toml: the run needs ") || !strings.Contains(few.Error(),
		", and a test leaves ") ||
		strings.Contains(few.Error(), "\n") {
		t.Errorf("the error is %v", few)
	}
	again := *s
	var short *graph.MemoryError
	if err := again.plan(1); !errors.As(err, &short) {
		t.Fatal(err)
	}
	left := n.total() - (n.step.Total()-short.Least.Total())/2
	e := refused(left)
	if e.limit == 0 || !strings.Contains(e.Error(), "memory_limit = \""+e.limit.String()+"\"") {
		t.Fatalf("no limit is named: %v", e)
	}
	within := planned(t, "memory_limit=\""+e.limit.String()+"\"")
	if err := within.checkRoom(room.Room{Bytes: left, Limit: "a test"}); err != nil {
		t.Errorf("with the limit that the error names: %v", err)
	}
	if e := refused(1 << 20); e.limit != 0 {
		t.Errorf("a limit of %v is said to help where nothing does", e.limit)
	}
	if names := s.Store.Names(); len(names) > 0 || s.Train != nil {
		t.Errorf("the store holds %v, the step is %v", names, s.Train)
	}
}

// Every stage has temporaries of its own, all at once; the Store they share.
func TestRoomOfStages(t *testing.T) {
	one, err := planned(t).needs()
	if err != nil {
		t.Fatal(err)
	}
	two, err := planned(t, `train.resolution=[{until="50%",crop=24}]`).needs()
	if err != nil {
		t.Fatal(err)
	}
	if two.step.Temporaries <= one.step.Temporaries || two.step.State != one.step.State || two.batches != one.batches {
		t.Errorf("with a stage of smaller views %+v are needed, without %+v", two, one)
	}
	none, err := planned(t, "evaluate.knn=false", "evaluate.linear=false").needs()
	if err != nil {
		t.Fatal(err)
	}
	if none.evaluation != 0 || one.evaluation < 4*28*28*4000 {
		t.Errorf("evaluation takes %d bytes, and %d where it is off", one.evaluation, none.evaluation)
	}
}

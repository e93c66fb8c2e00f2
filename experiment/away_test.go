package experiment

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// away is a device whose state lives elsewhere: programs take it up from the Store at their first Run, or the first
// after Sync, which gives it back.
type away struct{ device.Device }

func (d away) Compile(p *ir.Program, state func(buf int) ir.Array) (ir.Executable, error) {
	e := &awayExecutable{there: map[int]ir.Array{}, here: map[int]ir.Array{}}
	var err error
	e.Executable, err = d.Device.Compile(p, func(buf int) ir.Array {
		e.here[buf], e.there[buf] = state(buf), ir.NewArray(p.Bufs[buf].Type)
		e.there[buf].Fill(math.NaN())
		return e.there[buf]
	})
	return e, err
}

type awayExecutable struct {
	ir.Executable
	here, there map[int]ir.Array
	taken       bool // the state is there
}

func (e *awayExecutable) Run() error {
	if !e.taken {
		for buf, a := range e.there {
			a.Copy(e.here[buf])
		}
	}
	e.taken = true
	return e.Executable.Run()
}

func (e *awayExecutable) Sync() error {
	if e.taken {
		for buf, a := range e.here {
			a.Copy(e.there[buf])
		}
		for _, a := range e.there {
			a.Fill(math.NaN())
		}
	}
	e.taken = false
	return e.Executable.Sync()
}

// A run on a device that keeps its state gives the checkpoints, the export and the evaluations of one that works on the
// Store, through stages, a teacher, evaluations on the way and a checkpoint that the run goes on from.
func TestStateLivesOnDevice(t *testing.T) {
	text := `base = "quickstart.toml"
name = "away"
[backbone.convnet]
widths = [8, 16]
[method.byol]
projector = [32, 16]
predictor = [32]
[train]
batch = 64
length = "12 steps"
checkpoint = "5 steps"
log = "4 steps"
[[train.resolution]]
until = "7 steps"
crop = 20
[evaluate]
linear = false
[evaluate.knn]
every = "3 steps"
`
	file := filepath.Join(t.TempDir(), "away.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	rec, err := recipes.Load(file, nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	run := func(wrap func(device.Device) device.Device) (*Summary, *folder.Folder) {
		s, err := newSetup(rec)
		if err != nil {
			t.Fatal(err)
		}
		s.Device = wrap(s.Device)
		if err := s.prepare(); err != nil {
			t.Fatal(err)
		}
		f, err := folder.Create(t.TempDir(), rec.Name, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sum, err := s.start(f, Options{Messages: io.Discard}, beginning{})
		if err != nil {
			t.Fatal(err)
		}
		return sum, f
	}
	want, here := run(func(d device.Device) device.Device { return d })
	got, there := run(func(d device.Device) device.Device { return away{d} })
	for i, e := range want.Evaluations {
		if got.Evaluations[i].Value != e.Value {
			t.Errorf("%s of %s is %v, want %v", e.Label(), e.Representation, got.Evaluations[i].Value, e.Value)
		}
	}
	a, err := os.ReadFile(here.File(exportFile))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(there.File(exportFile))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s differs", exportFile)
	}
	for _, kind := range []string{"last", "best"} {
		hash := func(f *folder.Folder) string {
			st, m, err := checkpoint.Best(f.File(checkpointDir))
			if kind == "last" {
				st, m, _, err = checkpoint.Latest(f.File(checkpointDir))
			}
			if err != nil {
				t.Fatal(err)
			}
			if kind == "last" && m.Step != 12 {
				t.Fatalf("the last checkpoint is of step %d", m.Step)
			}
			return st.Hash("")
		}
		if a, b := hash(here), hash(there); a != b {
			t.Errorf("the %s checkpoint holds %s, want %s", kind, b, a)
		}
	}
}

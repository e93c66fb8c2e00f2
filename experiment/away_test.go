package experiment

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/methods"
	"selfsup/recipes"
)

// away is a device whose state lives elsewhere: programs take it up from the Store at their first Run, or the first
// after Sync, which gives it back, and share what lies there. A step may run while the inputs of the next are made; its
// outputs are there once it is waited for.
type away struct {
	device.Device
	there map[any]*awayEntry // by the array of the Store
}

type awayEntry struct {
	here, there  ir.Array
	ahead, known bool // written there; there is what is here
}

func arrayKey(a ir.Array) any {
	if len(a.I32) > 0 {
		return &a.I32[0]
	}
	return &a.F32[0]
}

func (d away) Compile(p *ir.Program, state func(buf int) ir.Array) (ir.Executable, error) {
	e := &awayExecutable{p: p, entries: map[int]*awayEntry{}, host: map[int]ir.Array{}}
	var err error
	e.inner, err = d.Device.Compile(p, func(buf int) ir.Array {
		here := state(buf)
		x := d.there[arrayKey(here)]
		if x == nil {
			x = &awayEntry{here: here, there: ir.NewArray(p.Bufs[buf].Type)}
			x.there.Fill(math.NaN())
			d.there[arrayKey(here)] = x
		}
		e.entries[buf] = x
		return x.there
	})
	for i, b := range p.Bufs {
		if b.Class == ir.Input {
			e.host[i] = ir.NewArray(b.Type)
		}
	}
	for _, o := range p.Outputs {
		if _, input := e.host[o.Buf]; !input {
			e.host[o.Buf] = ir.NewArray(p.Bufs[o.Buf].Type)
			e.outputs = append(e.outputs, o.Buf)
		}
	}
	return e, err
}

type awayExecutable struct {
	inner             ir.Executable
	p                 *ir.Program
	entries           map[int]*awayEntry
	host              map[int]ir.Array
	outputs           []int
	taken, fed, begun bool
}

func (e *awayExecutable) Host(buf int) ir.Array { return e.host[buf] }

func (e *awayExecutable) Run() error { return errors.Join(e.Start(), e.Wait()) }

func (e *awayExecutable) take(single bool) {
	for buf, a := range e.host {
		if e.p.Bufs[buf].Class == ir.Input && (a.Shape.Size() == 1) == single {
			e.inner.Host(buf).Copy(a)
		}
	}
}

func (e *awayExecutable) Feed() error {
	if !e.fed {
		e.take(false)
	}
	e.fed = true
	return nil
}

func (e *awayExecutable) Start() error {
	for _, x := range e.entries {
		if !x.ahead && !(e.taken && x.known) {
			x.there.Copy(x.here)
			x.known = true
		}
	}
	e.Feed()
	e.take(true)
	e.taken, e.fed, e.begun = true, false, true
	for _, u := range e.p.Updates {
		e.entries[e.p.Bufs[u.State].Root].ahead = true
	}
	for _, buf := range e.outputs {
		e.host[buf].Fill(math.NaN())
	}
	return e.inner.Run()
}

func (e *awayExecutable) Wait() error {
	if e.begun {
		for _, buf := range e.outputs {
			e.host[buf].Copy(e.inner.Host(buf))
		}
	}
	e.begun = false
	return nil
}

func (e *awayExecutable) Sync() error {
	for _, x := range e.entries {
		if x.ahead {
			x.here.Copy(x.there)
		}
		x.there.Fill(math.NaN())
		x.ahead, x.known = false, false
	}
	e.taken = false
	return nil
}

// A run on a device that keeps its state gives the checkpoints, the export and the evaluations of one that works on the
// Store, through stages, a teacher, evaluations on the way and a checkpoint that the run goes on from; through turns
// that read what one another wrote, with accumulated parts; and through jobs of the host.
func TestStateLivesOnDevice(t *testing.T) {
	for name, text := range map[string]string{
		"stages and a teacher": `
[method.byol]
projector = [32, 16]
predictor = [32]
[[train.resolution]]
until = "7 steps"
crop = 20
`, "turns": `
[method.rivals]
first = ["backbone", "one"]
second = ["two", "third"]
turn = 1
[train]
accumulate = 2
parts_apart = true
`, "jobs": `
[method.deepcluster_v2]
projector = [32, 16]
k = [5]
iterations = 2
[subset.few_shot]
per_class = 25
`} {
		t.Run(name, func(t *testing.T) { comparesAway(t, text) })
	}
}

func comparesAway(t *testing.T, more string) {
	text := `base = "quickstart.toml"
name = "away"
[backbone.convnet]
widths = [8, 16]
[train]
batch = 64
length = "12 steps"
checkpoint = "5 steps"
log = "4 steps"
[evaluate]
linear = false
[evaluate.knn]
every = "3 steps"
`
	head, table, _ := strings.Cut(more, "[train]\n")
	if table != "" {
		text = strings.Replace(text, "[train]\n", "[train]\n"+table, 1)
	}
	file := filepath.Join(t.TempDir(), "away.toml")
	if err := os.WriteFile(file, []byte(text+head), 0o666); err != nil {
		t.Fatal(err)
	}
	catalog := recipes.Builtin()
	catalog.Methods["rivals"] = func() methods.Method { return &rivals{} }
	rec, err := recipes.Load(file, nil, catalog)
	if err != nil {
		t.Fatal(err)
	}
	run := func(wrap func(device.Device) device.Device) (*Summary, *folder.Folder) {
		s, err := newSetup(rec, nil)
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
	got, there := run(func(d device.Device) device.Device { return away{d, map[any]*awayEntry{}} })
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

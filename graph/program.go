package graph

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"selfsup/graph/ir"
)

// Program is a compiled graph over a Store: fill the inputs, Run, read the outputs. Running allocates nothing. One
// goroutine uses a program at a time, and programs over one Store run one after the other.
type Program struct {
	IR         *ir.Program // as planned: the memory plan, operations and costs
	exe        ir.Executable
	inputs     map[string]int
	outputs    map[string]int
	schedules  []scheduled
	state      []string
	states     []ir.Array // by buffer, of those in the Store
	references []int
	memory     Memory
}

type scheduled struct {
	Scheduled
	at ir.Array
}

// Compile lowers the graph, plans it and binds it to the store, in which entries that are missing are made and
// initialised. An entry of another shape, or an operation that the backend has no kernel for, is an error.
func (g *Graph) Compile(b ir.Backend, st *Store) (*Program, error) { return g.CompileWithin(b, st, 0) }

// CompileOver is Compile over a Store that has everything already: a missing entry is an error that names it.
// Evaluation and export use it, so that what they measure and write is what was trained, never fresh random numbers.
func (g *Graph) CompileOver(b ir.Backend, st *Store) (*Program, error) {
	if err := g.Missing(st); err != nil {
		return nil, err
	}
	return g.Compile(b, st)
}

// Reads lists what of the Store the outputs and updates need, by name.
func (g *Graph) Reads() ([]Leaf, error) {
	_, decls, err := g.lower()
	if err != nil {
		return nil, err
	}
	var reads []Leaf
	for _, d := range decls {
		if d != nil {
			reads = append(reads, Leaf{d.name, d.kind, d.typ})
		}
	}
	sort.Slice(reads, func(i, j int) bool { return reads[i].Name < reads[j].Name })
	return reads, nil
}

// Missing is an error that names what the graph reads and a Store does not have.
func (g *Graph) Missing(st *Store) error {
	reads, err := g.Reads()
	if err != nil {
		return err
	}
	var missing []string
	for _, l := range reads {
		if st.Get(l.Name) == nil {
			missing = append(missing, l.Name)
		}
	}
	if missing == nil {
		return nil
	}
	const most = 3
	more := ""
	if n := len(missing); n > most {
		missing, more = missing[:most], fmt.Sprintf(" and %d more", n-most)
	}
	return fmt.Errorf("graph: the store has no %s%s", strings.Join(missing, ", "), more)
}

// Fill makes the entry of a name that the graph declares as it is before the first step.
func (g *Graph) Fill(st *Store, name string) error {
	d := g.decls[name]
	if d == nil || d.class != isState {
		return fmt.Errorf("graph: %s is not declared", name)
	}
	_, err := st.declare(d)
	return err
}

// StudentOf is the scope whose parameters those below a teacher's scope follow; ok is false where path is no teacher's.
func (g *Graph) StudentOf(path string) (student string, ok bool) {
	for _, t := range g.twins {
		if rest, found := strings.CutPrefix(t.teacher.name, path+"/"); found {
			return strings.CutSuffix(t.student.name, "/"+rest)
		}
	}
	return "", false
}

// CompileWithin is Compile for a program that takes at most limit bytes in all, see Memory; 0 is no limit. Where that
// is too little for all temporaries, cheap ones are computed again rather than kept, which changes no bit of any
// result. If it is too little even so, the error is a *MemoryError.
func (g *Graph) CompileWithin(b ir.Backend, st *Store, limit int64) (*Program, error) {
	p, err := g.Plan(b, limit)
	if err != nil {
		return nil, err
	}
	return p.Compile(st)
}

// Planned is a program that is planned for a backend and has taken none of its memory.
type Planned struct {
	g       *Graph
	backend ir.Backend
	ir      *ir.Program
	decls   []*decl // by buffer, nil where it is not of the Store
	memory  Memory
}

// Plan is the first half of CompileWithin. What the program will take is known when it returns, and nothing is taken.
func (g *Graph) Plan(b ir.Backend, limit int64) (*Planned, error) {
	p, decls, err := g.lower()
	if err != nil {
		return nil, err
	}
	planned := &Planned{g: g, backend: b, decls: decls}
	if planned.ir, planned.memory, err = g.plan(p, b, limit); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	return planned, nil
}

// Memory counts the bytes that the program will allocate.
func (p *Planned) Memory() Memory { return p.memory }

// Compile is the second half of CompileWithin: it takes the memory and binds the program to the store.
func (p *Planned) Compile(st *Store) (_ *Program, err error) {
	arrays := make([]ir.Array, len(p.ir.Bufs))
	prog := &Program{IR: p.ir, memory: p.memory, inputs: map[string]int{}, outputs: map[string]int{}}
	for i, d := range p.decls {
		if d == nil {
			continue
		}
		e, err := st.declare(d)
		if err != nil {
			return nil, fmt.Errorf("graph: %w", err)
		}
		arrays[i] = e.Array
		prog.state = append(prog.state, d.name)
	}
	if prog.exe, err = p.backend.Compile(p.ir, func(buf int) ir.Array { return arrays[buf] }); err != nil {
		return nil, fmt.Errorf("graph: backend %s: %w", p.backend.Name(), err)
	}
	prog.states = arrays
	if r, ok := p.backend.(ir.Referrer); ok {
		for i, in := range p.ir.Instrs {
			if r.Refers(in.Spec, p.ir.Types(in)) {
				prog.references = append(prog.references, i)
			}
		}
	}
	for i, b := range p.ir.Bufs {
		if b.Class == ir.Input {
			prog.inputs[b.Name] = i
		}
	}
	for _, o := range p.ir.Outputs {
		prog.outputs[o.Name] = o.Buf
	}
	for _, s := range p.g.schedules {
		if i, ok := prog.inputs[s.Name]; ok {
			prog.schedules = append(prog.schedules, scheduled{s, prog.exe.Host(i)})
		}
	}
	return prog, nil
}

// lacking is an error that lists the operations of a planned program for which a backend has no kernel, nil if it has
// them all. Views need none: they are no instructions any more.
func lacking(p *ir.Program, b ir.Backend) error {
	r, _ := b.(ir.Referrer)
	missing := map[string]bool{}
	for _, in := range p.Instrs {
		types := p.Types(in)
		if !b.Supports(in.Spec, types) && (r == nil || !r.Refers(in.Spec, types)) {
			missing[in.Spec.Name()] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &KernelError{b.Name(), slices.Sorted(maps.Keys(missing))}
}

// KernelError are operations of a program that a backend has no kernel for.
type KernelError struct {
	Backend string
	Names   []string // each once, in order
}

func (e *KernelError) Error() string {
	return fmt.Sprintf("backend %s has no kernel for %s", e.Backend, strings.Join(e.Names, ", "))
}

// Input is the array that the host fills before a step. It stays the same array for the life of the program.
func (p *Program) Input(name string) (ir.Array, error) {
	i, ok := p.inputs[name]
	if !ok {
		return ir.Array{}, fmt.Errorf("graph: the program has no input %q, it has %s", name, keys(p.inputs))
	}
	return p.exe.Host(i), nil
}

// Output is the array of a named result, valid from one Run to the next.
func (p *Program) Output(name string) (ir.Array, error) {
	i, ok := p.outputs[name]
	if !ok {
		return ir.Array{}, fmt.Errorf("graph: the program has no output %q, it has %s", name, keys(p.outputs))
	}
	return p.exe.Host(i), nil
}

// Outputs lists the named results in the order of their declaration.
func (p *Program) Outputs() []string {
	names := make([]string, len(p.IR.Outputs))
	for i, o := range p.IR.Outputs {
		names[i] = o.Name
	}
	return names
}

// Inputs lists all inputs with their arrays.
func (p *Program) Inputs() map[string]ir.Array {
	in := map[string]ir.Array{}
	for name, i := range p.inputs {
		in[name] = p.exe.Host(i)
	}
	return in
}

// Profile starts to time every instruction, and returns the times so far in the order of IR.Instrs (the copies of
// updates behind them). It is nil where the backend cannot tell.
func (p *Program) Profile() []time.Duration {
	if t, ok := p.exe.(ir.Profiler); ok {
		return t.Profile()
	}
	return nil
}

// References are the instructions, by their place in IR.Instrs, that have no kernel and run by their reference.
func (p *Program) References() []int { return p.references }

// Sync brings the state of the program to the Store, of which the host may read it then. Call it before anything else
// than the program reads the Store.
func (p *Program) Sync() error { return p.exe.Sync() }

// State lists the entries of the Store that the program reads or writes.
func (p *Program) State() []string { return p.state }

// Schedule feeds all scheduled inputs with their values at a time.
func (p *Program) Schedule(t Time) {
	for _, s := range p.schedules {
		s.at.Set(0, s.Value(t))
	}
}

// Scheduled returns what the scheduled inputs were fed with last, by name.
func (p *Program) Scheduled(name string) (float64, bool) {
	for _, s := range p.schedules {
		if s.Name == name {
			return s.at.At(0), true
		}
	}
	return 0, false
}

// Run runs one step.
func (p *Program) Run() error { return p.exe.Run() }

// Ahead reports whether the inputs of the next step may be filled while a step runs: Start then returns before the
// step's end, and Feed may follow at once. It is false for a program that gives an input back as an output.
func (p *Program) Ahead() bool {
	if _, ok := p.exe.(ir.Starter); !ok {
		return false
	}
	for _, o := range p.IR.Outputs {
		if p.IR.Bufs[p.IR.Bufs[o.Buf].Root].Class == ir.Input {
			return false
		}
	}
	return true
}

// Feed takes all inputs for the next step but single numbers, which Start takes. They must not change until then.
func (p *Program) Feed() error {
	if e, ok := p.exe.(ir.Starter); ok {
		return e.Feed()
	}
	return nil
}

// Start begins a step and returns when its inputs are taken, and Wait returns when its outputs are there. Without Ahead
// Start is the whole step.
func (p *Program) Start() error {
	if e, ok := p.exe.(ir.Starter); ok {
		return e.Start()
	}
	return p.exe.Run()
}

// Wait waits for the step that Start began.
func (p *Program) Wait() error {
	if e, ok := p.exe.(ir.Starter); ok {
		return e.Wait()
	}
	return nil
}

// FLOPs is the number of floating-point operations of a step (a multiply-add is two), of the operations that say.
func (p *Program) FLOPs() int64 {
	var n int64
	for _, in := range p.IR.Instrs {
		n += p.IR.FLOPs(in)
	}
	return n
}

func keys(m map[string]int) string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	return strings.Join(ks, ", ")
}

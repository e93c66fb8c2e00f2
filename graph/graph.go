// Package graph is the symbolic language that methods are written in, and its compiler. A Scope declares inputs,
// parameters, state and updates in a Gorgonia graph of our own operations (package op); Gradients differentiates it;
// Compile lowers it, plans its memory and hands it to a backend, so that a whole training step is one Program over a
// Store.
//
// This folder is the only one that imports Gorgonia.
package graph

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	G "gorgonia.org/gorgonia"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/spread"
	"selfsup/internal/callsite"
)

// Node is a symbolic value.
type Node = op.Node

// Graph is a built static graph: what is fed, what outlives a step, what is read.
type Graph struct {
	g         *G.ExprGraph
	dtype     ir.DType
	training  bool
	bf16      bool
	ranks     spread.Ranks
	decls     map[string]*decl   // inputs, state and constants by name
	sources   map[string]*Random // of random numbers, by their scope
	order     []*decl
	updates   []update
	outputs   []output
	schedules []Scheduled
	twins     []twin
	wait      *Node      // 1 in runs that leave teachers as they are; nil: none does
	cutting   *Cutting   // nil: the graph is whole
	noted     *[]Meeting // nil: where samples meet is not asked
}

type declClass uint8

const (
	isInput declClass = iota
	isState
	isConst
)

// String says what a leaf is declared as: an input [2], a param [2,3].
func (d *decl) String() string {
	return fmt.Sprintf("%s %v", [...]string{"input", d.kind.String(), "constant"}[d.class], d.typ)
}

// decl is a named leaf of the graph.
type decl struct {
	name     string
	class    declClass
	kind     Kind
	typ      ir.Type
	node     *Node
	init     Init
	seedName string       // the name whose randomness fills it: a teacher starts as its student
	given    spread.Given // what a rank has of an input
	locked   bool         // a parameter that is read and never trained
	plain    bool         // a parameter without decay and trust ratio
	layer    int          // depth of a parameter plus 1; 0: it has none
	data     ir.Array     // of constants
}

type update struct {
	state *decl
	value *Node
}

type output struct {
	name string
	node *Node
}

// twin is a teacher's parameter and the student's that it follows.
type twin struct {
	teacher, student *decl
	momentum         *Node
}

// Options say what kind of graph is built.
type Options struct {
	Training bool     // batch statistics and their updates, or the running ones
	DType    ir.DType // F32, or F64 for gradient checks on the reference backend
	// layers round the operands of their products to bfloat16; sums, state and losses stay as they are
	BF16 bool
	// Ranks deals the compiled program out over processes, by the inputs of BatchInput. The graph is that of the whole
	// batch all the same.
	Ranks spread.Ranks
	// the graph is a part of one, or the rest; nil: it is whole
	Cutting *Cutting
	// notes where samples meet, see Scope.Meets; the graph is none to be run
	Meets bool
}

// Build runs f on the root scope of a new graph. A mistake in f (a wrong shape, a name used twice) comes back as an
// error that names scope, operation, shapes and the line; any other panic of f as one that names the line.
func Build(o Options, f func(s *Scope)) (g *Graph, err error) {
	g = &Graph{g: G.NewGraph(), dtype: o.DType, training: o.Training, bf16: o.BF16, ranks: o.Ranks,
		decls: map[string]*decl{}, sources: map[string]*Random{}}
	if g.cutting = o.Cutting; g.cutting != nil {
		g.cutting.within = map[string]bool{}
	}
	if o.Meets {
		g.noted = new([]Meeting)
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *op.BuildError:
			g, err = nil, r
		default:
			callsite.Trace()
			g, err = nil, &op.BuildError{Msg: fmt.Sprintf("panic: %v", r), At: op.Caller(), Panic: true}
		}
	}()
	f(&Scope{g: g})
	return g, nil
}

// Scope is a place in the naming tree of a graph, through which its leaves are declared.
type Scope struct {
	g      *Graph
	path   string // "" or "a/b/"
	tw     *Scope // the student's scope, if this is a teacher's
	tau    *Node  // the teacher's momentum
	locked bool
	upTo   int // layers below it are locked
	plain  bool
	aside  bool
	layer  int // plus 1; 0: none
}

// In is the scope below this one.
func (s *Scope) In(name string) *Scope {
	c := *s
	c.path = s.path + name + "/"
	if s.tw != nil {
		c.tw = s.tw.In(name)
	}
	return &c
}

// Locked is this scope with parameters that are read and never trained, and with norms that use their running
// statistics: a tower that was trained before.
func (s *Scope) Locked() *Scope {
	c := *s
	c.locked = true
	return &c
}

// Aside is this scope with norms that use the statistics of the batch and leave their running ones as they are: for a
// pass beside the training's own.
func (s *Scope) Aside() *Scope {
	c := *s
	c.aside = true
	return &c
}

// IsAside reports whether layers leave their running statistics as they are.
func (s *Scope) IsAside() bool { return s.aside }

// LockedBelow is this scope in which layers below the n-th, see Layer, are as Locked leaves them; layers from n on and
// what has no layer are trained.
func (s *Scope) LockedBelow(n int) *Scope {
	c := *s
	c.upTo = n
	return &c
}

// isLocked reports whether parameters that are declared here are read and never trained.
func (s *Scope) isLocked() bool { return s.locked || s.layer > 0 && s.layer <= s.upTo }

// Plain is this scope with parameters that get neither weight decay nor a trust ratio, whatever their shape. Parameters
// of one axis (biases, scales and shifts of norms) never get them.
func (s *Scope) Plain() *Scope {
	c := *s
	c.plain = true
	return &c
}

// Layer is this scope with parameters of depth i, for learning rates that fall towards the input: 0 is the embedding, 1
// the first block.
func (s *Scope) Layer(i int) *Scope {
	c := *s
	c.layer = i + 1
	return &c
}

// Path is the scope's name, as "backbone/stage1".
func (s *Scope) Path() string { return strings.TrimSuffix(s.path, "/") }

// Deeper is this scope n layers above its own Layer; where it has none, it is this scope.
func (s *Scope) Deeper(n int) *Scope {
	if s.layer == 0 {
		return s
	}
	return s.Layer(s.layer - 1 + n)
}

// Training reports whether layers use batch statistics and update their running ones.
func (s *Scope) Training() bool { return s.g.training && !s.isLocked() }

// BF16 reports whether layers round the operands of their products to bfloat16.
func (s *Scope) BF16() bool { return s.g.bf16 }

// IsTeacher reports whether parameters declared here follow a student's instead of being trained.
func (s *Scope) IsTeacher() bool { return s.tw != nil }

// Twin is a scope whose parameters are an exponential moving average of those of s, declared by the same constructors:
// parameter name/x is the twin of x, starts equal, gets no gradient, and after each optimiser step becomes tau*itself +
// (1-tau)*x with the new x. tau is 0-d. State (running statistics) of the twin is its own.
func (s *Scope) Twin(name string, tau *Node) *Scope {
	if tau == nil || len(op.ShapeOf(tau)) != 0 {
		op.Fail(s.Path(), "the momentum of the twin %s is %v; want one number", name, describe(tau))
	}
	c := *s
	c.path, c.tw, c.tau = s.path+name+"/", s, tau
	return &c
}

// declare adds a leaf, or returns the one of that name if everything agrees.
func (s *Scope) declare(d *decl) *decl {
	if d.name == "" || strings.HasSuffix(d.name, "/") {
		op.Fail(s.Path(), "%v is declared without a name", d)
	}
	old := s.g.decls[d.name]
	if old != nil {
		if old.class != d.class || !old.typ.Shape.Equal(d.typ.Shape) || old.typ.DType != d.typ.DType ||
			old.kind != d.kind {
			op.Fail(s.Path(), "%s is declared as %v and as %v", d.name, old, d)
		}
		if d.class == isConst && !reflect.DeepEqual(old.data, d.data) {
			op.Fail(s.Path(), "the constant %s is declared twice, with values that differ", d.name)
		}
		if old.locked != d.locked {
			op.Fail(s.Path(), "%s is declared as trained and as locked", d.name)
		}
		return old
	}
	for _, n := range d.typ.Shape {
		if n < 1 {
			op.Fail(s.Path(), "%s: shape %v has an axis below 1", d.name, d.typ.Shape)
		}
	}
	if d.seedName == "" {
		d.seedName = d.name
	}
	if len(d.typ.Shape) == 0 {
		d.node = G.NewScalar(s.g.g, op.Dtype(d.typ.DType), G.WithName(d.name))
	} else {
		d.node = G.NewTensor(s.g.g, op.Dtype(d.typ.DType), len(d.typ.Shape), G.WithShape(d.typ.Shape...),
			G.WithName(d.name))
	}
	s.g.decls[d.name] = d
	s.g.order = append(s.g.order, d)
	return d
}

// Input declares a value that the host writes before every step, such as a view [B,H,W,C].
func (s *Scope) Input(name string, shape ...int) *Node {
	return s.declare(&decl{name: s.path + name, class: isInput, typ: ir.Type{Shape: shape, DType: s.g.dtype}}).node
}

// IntInput declares an integer input, such as labels [B].
func (s *Scope) IntInput(name string, shape ...int) *Node {
	return s.declare(&decl{name: s.path + name, class: isInput, typ: ir.Type{Shape: shape, DType: ir.I32}}).node
}

// BatchInput declares an input with a row for every sample of the batch. Where the program is dealt out over ranks, a
// rank's input has the rows of its samples: as many as Size of them, from Rank times as many on.
func (s *Scope) BatchInput(name string, d ir.DType, shape ...int) *Node {
	if d != ir.I32 {
		d = s.g.dtype
	}
	given := spread.Given{Blocks: 1}
	if c := s.g.cutting; c != nil && c.Rest {
		given.Parts = c.Parts
	}
	return s.declare(&decl{name: s.path + name, class: isInput, given: given,
		typ: ir.Type{Shape: shape, DType: d}}).node
}

// Param declares a trained value. Declared again under the same path it is the same value: that is how layers share
// weights. In a teacher's scope it follows the student's.
func (s *Scope) Param(name string, init Init, shape ...int) *Node {
	d := &decl{
		name: s.path + name, class: isState, kind: Param, typ: ir.Type{Shape: shape, DType: s.g.dtype}, init: init,
		locked: s.isLocked(), plain: s.plain, layer: s.layer,
	}
	if s.tw == nil {
		return s.declare(d).node
	}
	student := s.tw.path + name
	d.kind, d.seedName = State, student
	_, known := s.g.decls[d.name]
	d = s.declare(d)
	if !known {
		of := s.g.decls[student]
		if of == nil {
			op.Fail(s.Path(), "%s: its student %s is not declared; build the student first", d.name, student)
		}
		if of.class != isState || !of.typ.Shape.Equal(d.typ.Shape) {
			op.Fail(s.Path(), "%s is declared as %v, its student %s as %v; want one shape", d.name, d, student, of)
		}
		s.g.twins = append(s.g.twins, twin{d, of, s.tau})
	}
	return d.node
}

// State declares a value that outlives the step and changes only by Update.
func (s *Scope) State(name string, init Init, shape ...int) *Node {
	return s.state(State, name, init, shape)
}

// IntState declares integer state, such as the cluster of every sample of the training set. It changes by Update, or by
// the host between steps.
func (s *Scope) IntState(name string, init Init, shape ...int) *Node {
	return s.declare(&decl{name: s.path + name, class: isState, kind: State,
		typ: ir.Type{Shape: shape, DType: ir.I32}, init: init}).node
}

// AllRows marks a value [B,...] of which an equation needs the rows of all samples, such as negatives or the statistics
// of a batch. It is x: a graph is that of the whole batch on any number of ranks, and package spread finds out what a
// rank has to get from the others. The mark tells the reader where samples meet.
func (s *Scope) AllRows(x *Node) *Node { return s.g.meets(s, x, "") }

// BatchStatistics is x, statistics that a norm has taken of a batch.
func (s *Scope) BatchStatistics(x *Node) *Node { return s.g.meets(s, x, "batch norm") }

// Moment declares state of the optimiser.
func (s *Scope) Moment(name string, init Init, shape ...int) *Node {
	return s.state(Moment, name, init, shape)
}

func (s *Scope) state(k Kind, name string, init Init, shape []int) *Node {
	return s.declare(&decl{name: s.path + name, class: isState, kind: k, typ: ir.Type{Shape: shape, DType: s.g.dtype},
		init: init}).node
}

// Ints is an integer constant of shape [len(v)].
func (s *Scope) Ints(name string, v []int32) *Node {
	t := ir.Type{Shape: ir.Shape{len(v)}, DType: ir.I32}
	return s.declare(&decl{name: s.path + name, class: isConst, typ: t, data: ir.Array{Type: t, I32: v}}).node
}

// Identity is the constant matrix [n,n].
func (s *Scope) Identity(n int) *Node {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	return s.Floats(fmt.Sprintf("const/identity%d", n), v, n, n)
}

// Floats is a floating-point constant of a shape, such as the matrix of a filter.
func (s *Scope) Floats(name string, v []float64, shape ...int) *Node {
	t := ir.Type{Shape: shape, DType: s.g.dtype}
	if len(v) != t.Shape.Size() {
		op.Fail(s.Path(), "constant %s%s has %d values, want the %d of %v", s.path, name, len(v), t.Shape.Size(),
			t.Shape)
	}
	a := ir.NewArray(t)
	for i, x := range v {
		a.Set(i, x)
	}
	return s.declare(&decl{name: s.path + name, class: isConst, typ: t, data: a}).node
}

// Constant is a 0-d float constant.
func (s *Scope) Constant(v float64) *Node { return s.g.constant(v) }

func (g *Graph) constant(v float64) *Node {
	t := ir.Type{DType: g.dtype}
	a := ir.NewArray(t)
	a.Set(0, v)
	return (&Scope{g: g}).declare(&decl{name: fmt.Sprintf("const/%v", v), class: isConst, typ: t, data: a}).node
}

// Update makes the state hold value from the end of each step on.
func (s *Scope) Update(state, value *Node) {
	d := s.g.declOf(state)
	if d == nil || d.class != isState {
		op.Fail(s.Path(), "Update of a node that is not state")
	}
	if value == nil {
		op.Fail(s.Path(), "%s is %v, its update is nil", d.name, d.typ)
	}
	if vt := op.TypeOf(value); !vt.Shape.Equal(d.typ.Shape) || vt.DType != d.typ.DType {
		op.Fail(s.Path(), "%s is %v, its update is %v", d.name, d.typ, vt)
	}
	for _, u := range s.g.updates {
		if u.state == d {
			op.Fail(s.Path(), "%s is updated twice in one step", d.name)
		}
	}
	s.g.updates = append(s.g.updates, update{d, value})
}

// Evolve makes the state hold f of what it would have held by the updates so far. A layer that is applied twice in a
// step changes its running statistics twice with it.
func (s *Scope) Evolve(state *Node, f func(current *Node) *Node) {
	d := s.g.declOf(state)
	value := f(s.Updated(state))
	for i, u := range s.g.updates {
		if u.state == d {
			s.g.updates = append(s.g.updates[:i], s.g.updates[i+1:]...)
			break
		}
	}
	s.Update(state, value)
}

// Updated is what the state will hold after this step as far as updates were declared by now: its new value, or itself.
func (s *Scope) Updated(state *Node) *Node {
	d := s.g.declOf(state)
	for _, u := range s.g.updates {
		if u.state == d {
			return u.value
		}
	}
	return state
}

// UpdateTwins declares the moving averages of all teachers; call it once, after the optimiser's updates.
func (s *Scope) UpdateTwins() {
	for _, t := range s.g.twins {
		next := op.Lerp(t.teacher.node, s.Updated(t.student.node), t.momentum)
		if s.g.wait != nil {
			next = op.Lerp(t.teacher.node, next, s.g.wait)
		}
		s.Update(t.teacher.node, next)
	}
}

// Average declares moving averages of all parameters and floating-point state of the scope and below: state name/x of
// the graph's outermost scope starts as x does, and becomes momentum*itself + (1-momentum)*x at the end of each step,
// with the new x. momentum is 0-d. Call it once, after all updates of what it averages.
func (s *Scope) Average(name string, momentum *Node) {
	for _, n := range s.below(func(d *decl) bool { return d.kind != Moment && d.typ.DType != ir.I32 }) {
		of := s.g.declOf(n)
		d := s.declare(&decl{name: name + "/" + of.name, class: isState, kind: State, typ: of.typ, init: of.init,
			seedName: of.seedName})
		next := op.Lerp(d.node, s.Updated(n), momentum)
		if s.g.wait != nil {
			next = op.Lerp(d.node, next, s.g.wait)
		}
		s.Update(d.node, next)
	}
}

// HoldTwins makes UpdateTwins and Average leave what they keep as it is in runs in which wait (0-d, 0 or 1) is 1: parts
// of a step before its last.
func (s *Scope) HoldTwins(wait *Node) { s.g.wait = wait }

// Newest is the number of the graph's newest node, ir.Buf.Node: those of nodes that come later are greater.
func (s *Scope) Newest() int64 {
	newest := int64(-1)
	for _, n := range s.g.g.AllNodes() {
		newest = max(newest, n.ID())
	}
	return newest
}

// Output names a value that the host reads after a step.
func (s *Scope) Output(name string, n *Node) {
	if name == "" {
		op.Fail(s.Path(), "an output without a name")
	}
	if n == nil {
		op.Fail(s.Path(), "output %s%s is nil", s.path, name)
	}
	for _, o := range s.g.outputs {
		if o.name == s.path+name {
			op.Fail(s.Path(), "output %s is named twice", o.name)
		}
	}
	s.g.outputs = append(s.g.outputs, output{s.path + name, n})
}

// Params lists the trained values of the scope and below, in the order of their declaration.
func (s *Scope) Params() []*Node {
	return s.below(func(d *decl) bool { return d.kind == Param && !d.locked })
}

// Moments lists the optimiser's state of the scope and below, in the order of its declaration.
func (s *Scope) Moments() []*Node { return s.below(func(d *decl) bool { return d.kind == Moment }) }

// below lists what the scope and those below it keep in the Store.
func (s *Scope) below(which func(*decl) bool) []*Node {
	var ns []*Node
	for _, d := range s.g.order {
		if d.class == isState && strings.HasPrefix(d.name, s.path) && which(d) {
			ns = append(ns, d.node)
		}
	}
	return ns
}

// IsPlain reports whether a parameter was declared in a Plain scope.
func (s *Scope) IsPlain(p *Node) bool {
	d := s.g.declOf(p)
	return d != nil && d.plain
}

// LayerOf is the depth at which a parameter was declared, see Layer.
func (s *Scope) LayerOf(p *Node) (i int, ok bool) {
	d := s.g.declOf(p)
	if d == nil || d.layer == 0 {
		return 0, false
	}
	return d.layer - 1, true
}

// Name is the full name of an input, parameter or state.
func (s *Scope) Name(n *Node) string {
	if d := s.g.declOf(n); d != nil {
		return d.name
	}
	return ""
}

func (g *Graph) declOf(n *Node) *decl {
	if n == nil || op.Of(n) != nil {
		return nil
	}
	if d := g.decls[n.Name()]; d != nil && d.node == n { // a node of another graph may have the name of ours
		return d
	}
	return nil
}

// describe is the shape of a value in a message.
func describe(n *Node) string {
	if n == nil {
		return "nil"
	}
	return op.TypeOf(n).String()
}

// Scheduled is a 0-d input that a Schedule feeds.
type Scheduled struct {
	Name  string
	Value Schedule
}

// Scheduled declares a 0-d input whose value the host takes from f before every step.
func (s *Scope) Scheduled(name string, f Schedule) *Node {
	if f == nil {
		op.Fail(s.Path(), "the schedule of %s%s is nil; want a function of the time, such as graph.Constantly(1)",
			s.path,
			name)
	}
	n := s.Input(name)
	for _, x := range s.g.schedules {
		if x.Name == s.path+name {
			return n
		}
	}
	s.g.schedules = append(s.g.schedules, Scheduled{s.path + name, f})
	return n
}

// Leaf describes a named leaf of a graph for listings.
type Leaf struct {
	Name string
	Kind Kind
	ir.Type
}

// States lists everything of the Store that the graph uses, by name.
func (g *Graph) States() []Leaf {
	var ls []Leaf
	for _, d := range g.order {
		if d.class == isState {
			ls = append(ls, Leaf{d.name, d.kind, d.typ})
		}
	}
	sort.Slice(ls, func(i, j int) bool { return ls[i].Name < ls[j].Name })
	return ls
}

// Schedules lists the scheduled inputs.
func (g *Graph) Schedules() []Scheduled { return g.schedules }

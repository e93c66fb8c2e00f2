// Package ir is the lowered form of a graph: a straight list of instructions over buffers, with no Gorgonia types.
// package graph produces it, package plan orders and places it, and the backends run it.
package ir

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// DType is the element type of a buffer.
type DType uint8

// The element types. F64 exists for gradient checks on the reference backend only, BF16 for temporaries that the
// planner keeps in half the memory: graphs have none.
const (
	F32 DType = iota
	F64
	I32
	BF16
)

func (d DType) String() string { return [...]string{"f32", "f64", "i32", "bf16"}[d] }

// Size is the number of bytes of one element.
func (d DType) Size() int { return [...]int{4, 8, 4, 2}[d] }

// Shape is the size of every axis; a scalar has none.
type Shape []int

// Size is the number of elements; 1 for a scalar.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports whether both shapes have the same axes.
func (s Shape) Equal(t Shape) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range s {
		if s[i] != t[i] {
			return false
		}
	}
	return true
}

// Last is the size of the last axis; 1 for a scalar.
func (s Shape) Last() int {
	if len(s) == 0 {
		return 1
	}
	return s[len(s)-1]
}

// String prints the shape as [2,3]; a scalar prints as [].
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}

// Type is a value's shape and element type, known before the value exists.
type Type struct {
	Shape Shape
	DType DType
}

func (t Type) String() string {
	if t.DType == F32 {
		return t.Shape.String()
	}
	return t.Shape.String() + t.DType.String()
}

// Tensor is a value of the reference forward functions: every element type is held in float64, which is exact for all
// of them.
type Tensor struct {
	Shape Shape
	Data  []float64
}

// Array is a host value in its own element type: what the Store holds and what programs are fed with. Exactly one slice
// is set.
type Array struct {
	Type
	F32  []float32
	F64  []float64
	I32  []int32
	BF16 []uint16 // the upper halves of float32s
}

// NewArray returns zeros.
func NewArray(t Type) Array {
	a := Array{Type: t}
	switch n := t.Shape.Size(); t.DType {
	case F32:
		a.F32 = make([]float32, n)
	case F64:
		a.F64 = make([]float64, n)
	case I32:
		a.I32 = make([]int32, n)
	case BF16:
		a.BF16 = make([]uint16, n)
	}
	return a
}

// At returns element i as a float64.
func (a Array) At(i int) float64 {
	switch a.DType {
	case F32:
		return float64(a.F32[i])
	case F64:
		return a.F64[i]
	case BF16:
		return float64(math.Float32frombits(uint32(a.BF16[i]) << 16))
	}
	return float64(a.I32[i])
}

// Set stores v, rounded to the element type, as element i.
func (a Array) Set(i int, v float64) {
	switch a.DType {
	case F32:
		a.F32[i] = float32(v)
	case F64:
		a.F64[i] = v
	case BF16:
		a.BF16[i] = uint16(math.Float32bits(float32(BF16Of(v))) >> 16)
	default:
		a.I32[i] = int32(v)
	}
}

// Fill sets every element.
func (a Array) Fill(v float64) {
	for i, n := 0, a.Shape.Size(); i < n; i++ {
		a.Set(i, v)
	}
}

// Copy copies the elements of b, which has the same type.
func (a Array) Copy(b Array) {
	copy(a.F32, b.F32)
	copy(a.F64, b.F64)
	copy(a.I32, b.I32)
	copy(a.BF16, b.BF16)
}

// Spec is one operation with all its attributes and none of its operands. Kernels are found by Name; the spec is
// comparable by its printed form, so it holds plain data only.
type Spec interface {
	// Name is the kernel's name, such as "conv2d".
	Name() string
	// Infer gives the type of the result, or says what is wrong with the operands' shapes.
	Infer(in []Type) (Type, error)
	// Ref is the operation as plain loops: the truth that every backend is compared with. out arrives zeroed.
	Ref(in []Tensor, out Tensor)
}

// InPlacer is a Spec whose result may overwrite the memory of one of these operands (same size and element type),
// element by element.
type InPlacer interface{ InPlace() []int }

// Viewer is a Spec whose result is a view of operand 0 that starts at the returned element; it costs nothing at run
// time.
type Viewer interface{ View(in []Type) (offset int) }

// Fuser is a Spec that can do the next operation's work in the same pass: given what reads its result (and nothing else
// does), at which operand, and the types of the reader's operands, it returns itself with the reader inside. The fused
// operation takes its own operands followed by the reader's others.
type Fuser interface {
	Fuse(next Spec, at int, in []Type) (Spec, bool)
}

// Absorber is a Spec that can make an operand itself, from what that was made of. Given its operands, and who makes a
// buffer from which operands (nil: no operation does), it returns itself with that work inside and the operands it then
// has. It is taken at its word only where all readers of a value absorb it, so that it is never stored.
type Absorber interface {
	Absorb(in []int, maker func(buf int) (Spec, []int)) (Spec, []int, bool)
}

// Result stands for an operation's result in place of an operand's number.
const Result = -1

// Rounder is a Spec that rounds operands to bfloat16 before it uses them, or its Result before it stores it. The
// planner keeps a value that is rounded anyway in two bytes.
type Rounder interface {
	Rounds(operand int) bool
}

// Integers is a Spec that takes int32 as some of its operands: it only moves values, or reads labels or row numbers.
// Operands of all other operations are floating point.
type Integers interface {
	Integers(operand int) bool
}

// Cheap is a Spec that takes no longer than passes over its operands, and gives the same bits every time: where memory
// is short, the planner may have it run again rather than keep its result.
type Cheap interface{ Cheap() }

// Coster is a Spec that can say how many floating-point operations it takes (a multiply-add counts two).
type Coster interface {
	FLOPs(in []Type, out Type) int64
}

// Class says who owns a buffer.
type Class uint8

// The classes of buffers.
const (
	Temp  Class = iota // lives within a step, in the arena
	Input              // written by the host before a step
	State              // lives in the Store: parameters, moments, statistics, queues
	Const              // part of the program
)

func (c Class) String() string { return [...]string{"temp", "input", "state", "const"}[c] }

// Buf is one value of a program.
type Buf struct {
	Name  string // of inputs and state; the op's name for temps
	Class Class
	Type
	Data   Array // of constants
	Root   int   // the buffer whose memory this one uses; its own index if it has memory of its own
	Start  int   // first element within Root
	Viewed int   // the buffer that this one is a view of, -1 if it is a value of its own; set by the planner
	From   int   // of a view: first element within Viewed
	Offset int   // of a root Temp: first byte in the arena, set by the planner
	Node   int64 // of the graph's node, for listings
}

// Instr is one operation on buffers.
type Instr struct {
	Spec  Spec
	In    []int
	Out   int
	Scope string // where it was built, for listings and errors
}

// Update says that at the end of a step the state buffer holds the value of New.
type Update struct{ State, New int }

// Output is a named result that the host may read after a step.
type Output struct {
	Name string
	Buf  int
}

// Program is a whole step.
type Program struct {
	Bufs    []Buf
	Instrs  []Instr
	Updates []Update
	Outputs []Output
	Arena   int // bytes, set by the planner
	Again   int // instructions that make a value a second time to save memory, set by the planner
}

// Types returns the types of the operands of an instruction.
func (p *Program) Types(in Instr) []Type {
	ts := make([]Type, len(in.In))
	for i, b := range in.In {
		ts[i] = p.Bufs[b].Type
	}
	return ts
}

// Made says of each buffer of a planned program whether it holds anything when that runs: what is no temporary, what an
// instruction makes, and views of these. What others do in passing is made by none.
func (p *Program) Made() []bool {
	made := make([]bool, len(p.Bufs))
	for _, in := range p.Instrs {
		made[p.Bufs[in.Out].Root] = true
	}
	for i, b := range p.Bufs {
		made[i] = made[b.Root] || p.Bufs[b.Root].Class != Temp
	}
	return made
}

// FLOPs is the number of floating-point operations of an instruction, 0 if its spec does not say.
func (p *Program) FLOPs(in Instr) int64 {
	if c, ok := in.Spec.(Coster); ok {
		return c.FLOPs(p.Types(in), p.Bufs[in.Out].Type)
	}
	return 0
}

// Bytes is the size of an instruction's operands and result together.
func (p *Program) Bytes(in Instr) int {
	n := p.Bufs[in.Out].Shape.Size() * p.Bufs[in.Out].DType.Size()
	for _, b := range in.In {
		n += p.Bufs[b].Shape.Size() * p.Bufs[b].DType.Size()
	}
	return n
}

// Executable is a program that a backend made ready to run. It is used by one goroutine at a time.
type Executable interface {
	// Host returns the array behind an input (to be filled before Run) or an output (valid after Run, until the next).
	Host(buf int) Array
	// Run runs one step. The first Run, and one after Sync, takes the state from the arrays that the program was
	// compiled with.
	Run() error
	// Sync brings state that lives on a device back to the arrays that the program was compiled with. The host may read
	// and change them until the next Run. It does nothing where those arrays are the state. Programs that one backend
	// compiled with the same arrays share the state: what a Run of one leaves, the next Run of another finds.
	Sync() error
}

// Starter is an Executable that runs its steps while the host does other work. Run is Start and Wait.
type Starter interface {
	// Feed takes the inputs of the next step, but single numbers, also while a step runs. They may be filled again once
	// that next step was started.
	Feed() error
	// Start begins a step, with Feed where that was not called, and returns when all inputs may be filled again. A step
	// that was started before is waited for.
	Start() error
	// Wait returns when the step that was started has run and its outputs are there, with that step's error.
	Wait() error
}

// Backend compiles planned programs for one device.
type Backend interface {
	Name() string
	// Supports reports whether the backend has a kernel for an operation on operands of types in. It is asked of every
	// operation as it will run: a pass asks before it fuses, and leaves the operations apart where the answer is no.
	Supports(s Spec, in []Type) bool
	// Compile binds a program to the arrays of its state buffers, in order of their index in p.Bufs.
	Compile(p *Program, state func(buf int) Array) (Executable, error)
}

// Later is a Backend that would rather do all that replaces state at the end of a step, in few launches, than have the
// gradients' memory free early.
type Later interface{ UpdatesLast() bool }

// Narrower is a Backend whose kernels take some values in bfloat16. Narrows reports whether the kernel of an operation
// on operands of types in takes one of them so, or writes its result so, operand Result.
type Narrower interface {
	Narrows(s Spec, in []Type, operand int) bool
}

// Scratcher is a Backend whose kernels share working memory. Scratch is its bytes for a planned program.
type Scratcher interface {
	Scratch(p *Program) int
}

// Referrer is a Backend that may run operations without a kernel by their Ref. Refers reports whether it does so.
type Referrer interface {
	Refers(s Spec, in []Type) bool
}

// Profiler is an Executable that can time its instructions. Profile starts to time them and returns the times so far,
// the copies of updates last.
type Profiler interface {
	Profile() []time.Duration
}

// Tracer is an Executable that can show its results while it runs. Trace runs one step and calls each with every
// instruction's result as soon as it is there. Neighbouring updates that run as one are shown after the last of them.
type Tracer interface {
	Trace(each func(instr int, result Array)) error
}

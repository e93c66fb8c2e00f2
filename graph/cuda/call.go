package cuda

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// call is an instruction on its way to launches: its operands' addresses and types, and what it launched so far.
type call struct {
	spec    ir.Spec
	in      []ir.Type
	out     ir.Type
	x       []Ptr // operands
	y       Ptr   // result
	scratch Ptr   // working memory of the size asked for, which other instructions use too
	at      int   // the instruction's place in the program, for reports of errors
	buf     int   // the buffer of the result
	from    []int // buffers of the operands
	fp      precision
	b       *binder
}

// precision says how products of float32 are taken.
type precision struct {
	tf32       bool // operands rounded to 10 bits of mantissa, on tensor cores
	sm80       bool // the device has tensor cores for bfloat16 and tf32, and asynchronous copies
	processors int  // multiprocessors of the device, by which work is cut
	shared     int  // bytes of shared memory that a block may have
}

// lowering makes the launches of one kind of instruction. scratch is the bytes of working memory it asks for, by spec
// and types alone.
type lowering struct {
	takes   func(s ir.Spec, in []ir.Type) bool // nil: everything
	scratch func(c *call) int
	bind    func(c *call)
}

// binder collects the launches of a program, and the constants that they read. A program is bound twice: the first time
// finds the tables and the generated kernels that it wants, the second time, with these in place, makes the launches.
type binder struct {
	kernel   func(name string) (Kernel, error)
	needed   func(buf, after int) bool // whether anybody reads a result behind an instruction
	separate bool                      // every instruction is launched by itself
	errors   Ptr

	consts  Ptr // of the tables
	tables  []int32
	filled  bool              // this is the second time
	texts   map[string]string // generated kernels by name
	shared  map[string]Ptr    // see prepared
	chain   *chain            // that is being made
	chains  []*chain          // that wait for others like them
	squares []square          // that wait for others
	calls   []lowered         // by instruction
	current int               // the instruction that launches belong to

	squaredAt int // the instruction that the sums of squares belong to which were launched last
	err       error
}

// threads is how many threads a block of a simple kernel has.
const threads = 256

// launch adds a launch of a kernel of package kernels on a grid of blocks. args are the parameters in order: Ptr, int
// (32 bits on the device), float32 and float64 (both float on the device), uint64 and double.
func (c *call) launch(name string, grid [3]int, block int, shared int, args ...any) {
	c.b.launch(name, grid, [3]int{block, 1, 1}, shared, args...)
}

// flat adds a launch over n elements, one thread each, at most 2^31-1 blocks. The kernel's last parameter is n.
func (c *call) flat(name string, n int, args ...any) {
	if n > 0 {
		c.launch(name, [3]int{(n + threads - 1) / threads, 1, 1}, threads, 0, append(args, n)...)
	}
}

// double is a parameter of 64 bits of floating point.
type double float64

func (b *binder) launch(name string, grid, block [3]int, shared int, args ...any) {
	if b.err != nil || !b.filled {
		return
	}
	k, err := b.kernel(name)
	if err != nil {
		b.err = err
		return
	}
	l := Launch{Kernel: k, Name: name, Grid: grid, Block: block, Shared: shared, Args: make([]uint64, len(args))}
	for i, a := range args {
		switch a := a.(type) {
		case Ptr:
			l.Args[i] = uint64(a)
		case int:
			if a != int(int32(a)) {
				b.err = fmt.Errorf("parameter %d of kernel %s is %d, which has no place in 32 bits", i, name, a)
			}
			l.Args[i] = uint64(uint32(int32(a)))
		case bool:
			if a {
				l.Args[i] = 1
			}
		case float32:
			l.Args[i] = uint64(math.Float32bits(a))
		case float64:
			l.Args[i] = uint64(math.Float32bits(float32(a)))
		case double:
			l.Args[i] = math.Float64bits(float64(a))
		case uint64:
			l.Args[i] = a
		default:
			panic(fmt.Sprintf("parameter %d of kernel %s is a %T", i, name, a))
		}
	}
	if shared > 48<<10 {
		if err := k.Allow(shared); err != nil {
			b.err = fmt.Errorf("kernel %s: %w", name, err)
		}
	}
	b.calls[b.current].launches = append(b.calls[b.current].launches, l)
}

// table is the address of constants that kernels of the program read, 16-byte aligned: strides, lists of pointers.
// Programs are lowered twice: the first time finds how much there is.
func (c *call) table(words ...int32) Ptr { return c.b.table(words...) }

func (b *binder) table(words ...int32) Ptr {
	for len(b.tables)%4 != 0 {
		b.tables = append(b.tables, 0)
	}
	at := b.consts + Ptr(4*len(b.tables))
	b.tables = append(b.tables, words...)
	return at
}

// words are an address as a table has it.
func (p Ptr) words() []int32 { return []int32{int32(uint32(p)), int32(uint32(p >> 32))} }

// ints is a table of numbers.
func (c *call) ints(numbers ...int) Ptr {
	words := make([]int32, len(numbers))
	for i, n := range numbers {
		words[i] = int32(n)
	}
	return c.table(words...)
}

// size is the number of elements of the result.
func (c *call) size() int { return c.out.Shape.Size() }

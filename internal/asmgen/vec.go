package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels of this family work element by element, or down the columns of a strip one vector wide. They multiply and
// add in separate instructions, so that their results are those of the plain Go beside them, bit for bit.

// width is a vector register file: its suffix, lanes and registers. Registers up to 15 exist in both.
type width struct {
	suffix string
	lanes  int
	r      func(i int) VecPhysical
}

var widths = []width{{"512", 16, zmm}, {"256", 8, ymm}}

// pass is an elementwise kernel: y and the operands in memory, then scalars; body leaves the result in register 0.
// Registers 12 to 15 are set up by head and kept.
type pass struct {
	name, doc string
	operands  []string
	scalars   []string // broadcast into registers 15, 14 ...
	head      func(w width)
	body      func(w width, in []Op)
}

var passes = []pass{
	{"relu", "y = max(x, 0)", []string{"x"}, nil, zero, func(w width, in []Op) {
		VMAXPS(in[0], w.r(15), w.r(0))  // NaN stays NaN
		VADDPS(w.r(15), w.r(0), w.r(0)) // and -0 becomes 0
	}},
	{"reluGrad", "y = dy where v > 0, else 0", []string{"dy", "v"}, nil, zero, func(w width, in []Op) {
		VMOVUPS(in[1], w.r(0))
		keepPositive(w, in[0])
	}},
	{"addPass", "y = a + b", []string{"a", "b"}, nil, nil, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VADDPS(in[1], w.r(0), w.r(0))
	}},
	{"addRelu", "y = max(a + b, 0)", []string{"a", "b"}, nil, zero, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VADDPS(in[1], w.r(0), w.r(0))
		VMAXPS(w.r(0), w.r(15), w.r(0))
		VADDPS(w.r(15), w.r(0), w.r(0))
	}},
	{"scaleShift", "y = x*a + b", []string{"x", "a", "b"}, nil, nil, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[1], w.r(0), w.r(0))
		VADDPS(in[2], w.r(0), w.r(0))
	}},
	{"scaleShiftRelu", "y = max(x*a + b, 0)", []string{"x", "a", "b"}, nil, zero, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[1], w.r(0), w.r(0))
		VADDPS(in[2], w.r(0), w.r(0))
		VMAXPS(w.r(0), w.r(15), w.r(0))
		VADDPS(w.r(15), w.r(0), w.r(0))
	}},
	{"scaleShiftAdd", "y = x*a + b + r", []string{"x", "a", "b", "r"}, nil, nil, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[1], w.r(0), w.r(0))
		VADDPS(in[2], w.r(0), w.r(0))
		VADDPS(in[3], w.r(0), w.r(0))
	}},
	{"scaleShiftAddRelu", "y = max(x*a + b + r, 0)", []string{"x", "a", "b", "r"}, nil, zero, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[1], w.r(0), w.r(0))
		VADDPS(in[2], w.r(0), w.r(0))
		VADDPS(in[3], w.r(0), w.r(0))
		VMAXPS(w.r(0), w.r(15), w.r(0))
		VADDPS(w.r(15), w.r(0), w.r(0))
	}},
	{"combine", "y = p*a + q*b + c", []string{"p", "q", "a", "b", "c"}, nil, nil, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[2], w.r(0), w.r(0))
		VMOVUPS(in[1], w.r(1))
		VMULPS(in[3], w.r(1), w.r(1))
		VADDPS(w.r(1), w.r(0), w.r(0))
		VADDPS(in[4], w.r(0), w.r(0))
	}},
	{"combineRelu", "y = (p where x*s + t > 0, else 0)*a + x*b + c", []string{"p", "x", "s", "t", "a", "b", "c"}, nil,
		zero, func(w width, in []Op) {
			VMOVUPS(in[1], w.r(3))
			VMULPS(in[2], w.r(3), w.r(0))
			VADDPS(in[3], w.r(0), w.r(0))
			keepPositive(w, in[0])
			VMULPS(in[4], w.r(0), w.r(0))
			VMULPS(in[5], w.r(3), w.r(1))
			VADDPS(w.r(1), w.r(0), w.r(0))
			VADDPS(in[6], w.r(0), w.r(0))
		}},
	{"expPass", "y = e^(x - top)", []string{"x"}, []string{"top"}, expHead, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VSUBPS(w.r(15), w.r(0), w.r(0))
		expBody(w, 0)
	}},
	{"gelu", "y = x times the normal distribution function of x", []string{"x"}, nil, geluHead, func(w width, in []Op) {
		ahead(in...)
		geluBody(w, in[0])
		VMULPS(w.r(5), w.r(4), w.r(0)) // |x| q
		VMAXPS(w.r(3), w.r(15), w.r(1))
		VADDPS(w.r(15), w.r(1), w.r(1)) // no -0
		VSUBPS(w.r(0), w.r(1), w.r(0))
	}},
	{"geluGrad", "y = dy times the derivative of gelu at x", []string{"dy", "x"}, nil, geluHead,
		func(w width, in []Op) {
			ahead(in...)
			geluBody(w, in[1])
			VPSRAD(U8(31), w.r(3), w.r(1))
			VANDNPS(constant("vecOne"), w.r(1), w.r(1)) // 1 where x >= 0
			VANDNPS(constant("vecSign"), w.r(3), w.r(2))
			VXORPS(w.r(2), w.r(5), w.r(5)) // -q there
			VADDPS(w.r(5), w.r(1), w.r(1)) // the distribution function
			VMULPS(constant("vecDensity"), w.r(6), w.r(6))
			VMULPS(w.r(6), w.r(3), w.r(0))
			VADDPS(w.r(0), w.r(1), w.r(0))
			VMULPS(in[0], w.r(0), w.r(0))
		}},
}

// ahead asks for what a long body reads and writes some vectors later: the processor does not see that far.
func ahead(in ...Op) {
	const bytes = 1024
	for _, x := range in {
		if m, ok := x.(Mem); ok {
			PREFETCHT0(m.Offset(bytes))
		}
	}
	PREFETCHT0(Mem{Base: RDI, Index: RAX, Scale: 1, Disp: bytes})
}

func zero(w width) { VXORPS(w.r(15), w.r(15), w.r(15)) }

// keepPositive makes register 0 x where register 0 is positive, else, and where it is NaN, 0. Register 15 is 0.
func keepPositive(w width, x Op) {
	const above = 30 // greater, without a signal
	if w.lanes == 16 {
		VCMPPS(U8(above), w.r(15), w.r(0), K1)
		VMOVUPS_Z(x, K1, w.r(0))
		return
	}
	VCMPPS(U8(above), w.r(15), w.r(0), w.r(0))
	VANDPS(x, w.r(0), w.r(0))
}

func expHead(w width) {
	broadcast(w, "vecExpMin", 14)
	broadcast(w, "vecExpMax", 13)
}

func geluHead(w width) {
	zero(w)
	expHead(w)
}

// expBody makes register i e^i; registers 1, 2 and 7 are lost. It follows kern's exp32 step by step.
func expBody(w width, i int) {
	x, t, u, p := w.r(i), w.r(1), w.r(2), w.r(7)
	VMAXPS(x, w.r(14), x)
	VMINPS(x, w.r(13), x)
	VMULPS(constant("vecLog2e"), x, t)
	VADDPS(constant("vecRound"), t, t)
	VSUBPS(constant("vecRound"), t, u)
	VMULPS(constant("vecLn2Hi"), u, p)
	VSUBPS(p, x, x)
	VMULPS(constant("vecLn2Lo"), u, p)
	VSUBPS(p, x, x)
	VMULPS(constant("vecExp0"), x, p)
	for _, c := range []string{"vecExp1", "vecExp2", "vecExp3", "vecExp4", "vecExp5"} {
		VADDPS(constant(c), p, p)
		VMULPS(x, p, p)
	}
	VMULPS(x, p, p)
	VADDPS(x, p, p)
	VADDPS(constant("vecOne"), p, p)
	VADDPS(p, p, p)
	VPSLLD(U8(23), t, t)
	VPADDD(constant("vecExpBias"), t, t)
	VMULPS(t, p, x)
}

// geluBody leaves x in register 3, |x| in 4, the tail probability P(X > |x|) in 5 and e^(-x*x/2) in 6.
func geluBody(w width, x Op) {
	VMOVUPS(x, w.r(3))
	VANDPS(constant("vecAbs"), w.r(3), w.r(4))
	VMULPS(constant("vecMinusHalf"), w.r(3), w.r(6))
	VMULPS(w.r(3), w.r(6), w.r(6))
	expBody(w, 6)
	VMULPS(constant("vecTail"), w.r(4), w.r(1))
	VADDPS(constant("vecOne"), w.r(1), w.r(1))
	VMOVUPS(constant("vecOne"), w.r(2))
	VDIVPS(w.r(1), w.r(2), w.r(1)) // t
	VMULPS(constant("vecTail5"), w.r(1), w.r(5))
	for _, c := range []string{"vecTail4", "vecTail3", "vecTail2", "vecTail1"} {
		VADDPS(constant(c), w.r(5), w.r(5))
		VMULPS(w.r(1), w.r(5), w.r(5))
	}
	VMULPS(w.r(6), w.r(5), w.r(5))
}

// vecConstants are the constants of the family, one vector each, by name.
var vecConstants = map[string]Mem{}

var vecConstantBits = []struct {
	name string
	bits uint32
}{
	{"vecRoundHalf", 0x7fff}, {"vecRoundOne", 1}, {"vecRoundQuiet", 1 << 22},
	{"vecAbs", 0x7fffffff}, {"vecSign", 0x80000000}, {"vecExpBias", 126 << 23},
	f32("vecOne", 1), f32("vecMinusHalf", -0.5), f32("vecDensity", 0.3989422804014327),
	f32("vecExpMin", -87.33654), f32("vecExpMax", 89.41), f32("vecLog2e", math.Log2E), f32("vecRound", 3<<22),
	f32("vecLn2Hi", 0.693359375), f32("vecLn2Lo", -2.12194440e-4),
	f32("vecExp0", 1.9875691500e-4), f32("vecExp1", 1.3981999507e-3), f32("vecExp2", 8.3334519073e-3),
	f32("vecExp3", 4.1665795894e-2), f32("vecExp4", 1.6666665459e-1), f32("vecExp5", 5.0000001201e-1),
	f32("vecTail", 0.3275911*math.Sqrt2/2),
	f32("vecTail5", 0.5*1.061405429), f32("vecTail4", 0.5*-1.453152027), f32("vecTail3", 0.5*1.421413741),
	f32("vecTail2", 0.5*-0.284496736), f32("vecTail1", 0.5*0.254829592),
}

func f32(name string, v float64) struct {
	name string
	bits uint32
} {
	return struct {
		name string
		bits uint32
	}{name, math.Float32bits(float32(v))}
}

func constant(name string) Mem {
	m, ok := vecConstants[name]
	if !ok {
		panic("asmgen: no constant " + name)
	}
	return m
}

func broadcast(w width, name string, i int) { VMOVUPS(constant(name), w.r(i)) }

// vecs writes the family.
func vecs() {
	for _, c := range vecConstantBits {
		m := GLOBL(c.name, RODATA|NOPTR)
		for l := range 16 {
			DATA(4*l, U32(c.bits))
		}
		vecConstants[c.name] = m
	}
	for _, p := range passes {
		for _, w := range widths {
			p.emit(w, "", nil)
		}
	}
	for _, p := range passes {
		if slices.Contains(inRows, p.name) {
			for _, w := range widths {
				p.emitRows(w)
			}
		}
	}
	for _, h := range halves {
		h.emit(widths[0])
	}
	lookups()
	columns()
	softmaxes(rowConstants())
	giveLargest()
}

var pointers = []GPPhysical{RSI, RDX, R8, R9, R10, R11, R12}

// emit writes the kernel, with those operands and results in bfloat16 that half names.
func (p pass) emit(w width, kind string, half []string) {
	var parameters []string
	for _, o := range append([]string{"y"}, p.operands...) {
		parameters = append(parameters, o+" "+map[bool]string{false: "*float32", true: "*uint16"}[slices.Contains(half,
			o)])
	}
	parameters = append(parameters, "n uintptr")
	for _, s := range p.scalars {
		parameters = append(parameters, s+" float32")
	}
	name, doc := p.name+kind+w.suffix, p.doc
	TEXT(name, NOSPLIT, "func("+strings.Join(parameters, ", ")+")")
	Pragma("noescape")
	if half != nil {
		doc += ", " + strings.Join(half, " and ") + " in bfloat16"
	}
	Doc(name + ": " + doc + "; n is a multiple of " + map[int]string{16: "16", 8: "8"}[w.lanes] + ".")
	Load(Param("y"), RDI)
	Load(Param("n"), RCX)
	for i, o := range p.operands {
		Load(Param(o), pointers[i])
	}
	for i, s := range p.scalars {
		VBROADCASTSS(address(Param(s)), w.r(15-i))
	}
	if p.head != nil {
		p.head(w)
	}
	enter()
	SHLQ(U8(2), RCX)
	XORL(EAX, EAX)
	if half != nil {
		XORL(EBX, EBX) // the offset in bfloat16
	}
	Label("next")
	in := make([]Op, len(p.operands))
	for i, o := range p.operands {
		in[i] = Mem{Base: pointers[i], Index: RAX, Scale: 1}
		if slices.Contains(half, o) {
			r := w.r(8 + i)
			VPMOVZXWD(Mem{Base: pointers[i], Index: RBX, Scale: 1}, r)
			VPSLLD(U8(16), r, r)
			in[i] = r
		}
	}
	p.body(w, in)
	if slices.Contains(half, "y") {
		roundResult(w)
		VPMOVDW(w.r(0), Mem{Base: RDI, Index: RBX, Scale: 1})
	} else {
		VMOVUPS(w.r(0), Mem{Base: RDI, Index: RAX, Scale: 1})
	}
	if half != nil {
		ADDQ(U32(2*w.lanes), RBX)
	}
	ADDQ(U32(4*w.lanes), RAX)
	CMPQ(RAX, RCX)
	JB(LabelRef("next"))
	leave()
}

// inRows are the passes that also come for rows of a matrix, with coefficients that begin again in every row.
var inRows = []string{"scaleShift", "scaleShiftRelu"}

// emitRows writes the kernel for m rows of n elements: y and the first operand move on from row to row, by ldy and ldx
// bytes.
func (p pass) emitRows(w width) {
	name := p.name + "Rows" + w.suffix
	TEXT(name, NOSPLIT, "func(y *float32, ldy uintptr, "+p.operands[0]+" *float32, ldx uintptr, "+strings.Join(
		p.operands[1:], ", ")+" *float32, m, n uintptr)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s: %s in m rows, y and x ldy and ldx bytes apart, the others the same for all; n is a "+
		"multiple of %d.", name, p.doc, w.lanes))
	Load(Param("y"), RDI)
	Load(Param("ldy"), R10)
	Load(Param("ldx"), R11)
	Load(Param("m"), R12)
	Load(Param("n"), RCX)
	in := make([]Op, len(p.operands))
	for i, o := range p.operands {
		Load(Param(o), pointers[i])
		in[i] = Mem{Base: pointers[i], Index: RAX, Scale: 1}
	}
	if p.head != nil {
		p.head(w)
	}
	enter()
	SHLQ(U8(2), RCX)
	Label("row")
	XORL(EAX, EAX)
	Label("next")
	p.body(w, in)
	VMOVUPS(w.r(0), Mem{Base: RDI, Index: RAX, Scale: 1})
	ADDQ(U32(4*w.lanes), RAX)
	CMPQ(RAX, RCX)
	JB(LabelRef("next"))
	ADDQ(R10, RDI)
	ADDQ(R11, pointers[0])
	DECQ(R12)
	JNZ(LabelRef("row"))
	leave()
}

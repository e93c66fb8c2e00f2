package cuda

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"

	"selfsup/graph/cuda/kernels"
)

// emitter writes the body of a generated kernel in PTX. Values are named by the registers that hold them; all elements
// are 32 bits in .f32 registers, those of integers too.
type emitter struct {
	body    strings.Builder
	decl    strings.Builder // registers of functions' bodies
	floats  int
	words   int // 32-bit integers
	longs   int
	preds   int
	inlined int
	index   string // 64 bits: the element's place in the result, while a body is written
}

func (e *emitter) line(format string, args ...any) { fmt.Fprintf(&e.body, "\t"+format+"\n", args...) }

func (e *emitter) float() string { e.floats++; return fmt.Sprintf("%%v%d", e.floats) }
func (e *emitter) word() string  { e.words++; return fmt.Sprintf("%%w%d", e.words) }
func (e *emitter) long() string  { e.longs++; return fmt.Sprintf("%%l%d", e.longs) }
func (e *emitter) pred() string  { e.preds++; return fmt.Sprintf("%%q%d", e.preds) }

// immediate is a constant of float32 in PTX.
func immediate(v float64) string { return fmt.Sprintf("0f%08X", math.Float32bits(float32(v))) }

// immediate64 is a constant of float64 in PTX.
func immediate64(v float64) string { return fmt.Sprintf("0d%016X", math.Float64bits(v)) }

// op is the result of a floating-point instruction.
func (e *emitter) op(name string, args ...string) string {
	y := e.float()
	e.line("%s %s, %s;", name, y, strings.Join(args, ", "))
	return y
}

// where is yes where a comparison holds, else no.
func (e *emitter) where(compare, a, b, yes, no string) string {
	p, y := e.pred(), e.float()
	e.line("setp.%s %s, %s, %s;", compare, p, a, b)
	e.line("selp.f32 %s, %s, %s, %s;", y, yes, no, p)
	return y
}

// integer is the bits of a value as an integer.
func (e *emitter) integer(x string) string {
	w := e.word()
	e.line("mov.b32 %s, %s;", w, x)
	return w
}

// relu is max(x, 0), NaN where x is.
func (e *emitter) relu(x string) string {
	return e.where("lt.f32", x, immediate(0), immediate(0), x)
}

// function is a device function of math.cu, to be put in place of calls.
type function struct {
	params []string
	regs   []string // declarations
	lines  []string
}

// functions are those of math.cu by name.
var functions = sync.OnceValue(readFunctions)

var (
	functionHead = regexp.MustCompile(`(?s)\.visible \.func\s+\(\.param \.b32 func_retval0\) (\w+)\(` +
		`(.*?)\)\n\{(.*?)\n\}`)
	paramName   = regexp.MustCompile(`\.param \.b\d+ (\w+)`)
	register    = regexp.MustCompile(`%(p|rs|rd|fd|r|f)(\d+)`)
	declaration = regexp.MustCompile(`^\.reg \.(\w+)\s+%(\w+)<(\d+)>;`)
	label       = regexp.MustCompile(`\$L__BB\d+_\d+`)
)

// readFunctions finds the functions of math.ptx.
func readFunctions() map[string]function {
	all := map[string]function{}
	m, ok := kernels.Of("adam_settings")
	if !ok {
		panic("the kernels lack math.ptx")
	}
	for _, f := range functionHead.FindAllStringSubmatch(m.PTX, -1) {
		var fn function
		for _, p := range paramName.FindAllStringSubmatch(f[2], -1) {
			fn.params = append(fn.params, p[1])
		}
		for _, l := range strings.Split(f[3], "\n") {
			l = strings.TrimSpace(l)
			switch {
			case l == "" || strings.HasPrefix(l, "//"):
			case strings.HasPrefix(l, ".reg"):
				fn.regs = append(fn.regs, l)
			default:
				fn.lines = append(fn.lines, l)
			}
		}
		all[f[1]] = fn
	}
	return all
}

// call is the value of a function of math.cu, whose body is written here with registers and labels of its own. args are
// registers or immediates.
func (e *emitter) call(name string, args ...string) string {
	f, ok := functions()[name]
	if !ok || len(args) != len(f.params) {
		panic(fmt.Sprintf("math.cu has no %s of %d arguments", name, len(args)))
	}
	e.inlined++
	own := fmt.Sprintf("i%d_", e.inlined)
	for _, r := range f.regs {
		d := declaration.FindStringSubmatch(r)
		fmt.Fprintf(&e.decl, "\t.reg .%s %%%s%s<%s>;\n", d[1], own, d[2], d[3])
	}
	y, end := e.float(), fmt.Sprintf("$I%d_END", e.inlined)
	for k, l := range f.lines {
		if l == "ret;" && k == len(f.lines)-1 {
			continue
		}
		if l == "ret;" {
			e.line("bra.uni %s;", end)
			continue
		}
		for i, p := range f.params {
			if strings.HasPrefix(l, "ld.param") && strings.Contains(l, "["+p+"]") {
				// ld.param.f32 %f1, [NAME]; reads the argument
				l = strings.Replace(strings.Replace(l, "ld.param", "mov", 1), "["+p+"]", "\x00"+args[i]+"\x01", 1)
				l = widened(l)
			}
		}
		l = strings.Replace(l, "[func_retval0+0]", y, 1)
		l = strings.Replace(l, "st.param.f32", "mov.f32", 1)
		l = renamed(l, own)
		l = label.ReplaceAllStringFunc(l, func(s string) string { return fmt.Sprintf("$I%d_%s", e.inlined, s[4:]) })
		e.line("%s", l)
	}
	e.body.WriteString(end + ":\n")
	return y
}

// widened turns a load that extends an immediate of 32 bits, which no move does, into one that moves 64.
func widened(l string) string {
	if strings.HasPrefix(l, "mov.s32") && strings.Contains(l, "%rd") {
		return strings.Replace(l, "mov.s32", "mov.s64", 1)
	}
	return strings.Replace(l, "mov.u64", "mov.b64", 1)
}

// renamed gives the registers of a function's line a prefix. Arguments, between marks, stay as they are.
func renamed(l, own string) string {
	arg, from, to := "", strings.IndexByte(l, 0), strings.IndexByte(l, 1)
	if from >= 0 {
		arg, l = l[from+1:to], l[:from]+"\x00"+l[to+1:]
	}
	l = register.ReplaceAllString(l, "%"+own+"$1$2")
	return strings.Replace(l, "\x00", arg, 1)
}

// unnamed stands for the kernel's name until its text is known.
const unnamed = "chain"

// entry is the whole kernel, with its registers declared.
func (e *emitter) entry(params []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".visible .entry %s(\n\t%s\n)\n.maxntid %d, 1, 1\n{\n", unnamed, strings.Join(params, ",\n\t"),
		threads)
	for _, r := range []struct {
		typ, name string
		n         int
	}{{"f32", "v", e.floats}, {"b32", "w", e.words}, {"b64", "l", e.longs}, {"pred", "q", e.preds}} {
		if r.n > 0 {
			fmt.Fprintf(&b, "\t.reg .%s %%%s<%d>;\n", r.typ, r.name, r.n+1)
		}
	}
	b.WriteString(e.decl.String())
	b.WriteString(e.body.String())
	b.WriteString("}\n")
	return b.String()
}

package op

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// Unary is a function of every element.
type Unary struct {
	Fn string // a name in Unaries
}

// UnaryFn is a function, and its derivative from x and y = f(x).
type UnaryFn struct {
	F     func(x float64) float64
	D     func(x, y float64) float64
	FromY bool // D reads y only, so that x need not be kept
}

// Unaries are the functions by name.
var Unaries = map[string]UnaryFn{
	"neg": {F: func(x float64) float64 { return -x }, D: func(_, _ float64) float64 { return -1 }, FromY: true},
	"relu": {F: func(x float64) float64 { return max(x, 0) }, D: func(_, y float64) float64 { return step(y) },
		FromY: true},
	"exp":  {F: math.Exp, D: func(_, y float64) float64 { return y }, FromY: true},
	"log":  {F: math.Log, D: func(x, _ float64) float64 { return 1 / x }},
	"sqrt": {F: math.Sqrt, D: func(_, y float64) float64 { return 0.5 / y }, FromY: true},
	"rsqrt": {F: func(x float64) float64 { return 1 / math.Sqrt(x) }, D: func(_, y float64) float64 {
		return -0.5 * y * y * y
	}, FromY: true},
	"square":  {F: func(x float64) float64 { return x * x }, D: func(x, _ float64) float64 { return 2 * x }},
	"abs":     {F: math.Abs, D: func(x, _ float64) float64 { return step(x) - step(-x) }},
	"cos":     {F: math.Cos, D: func(x, _ float64) float64 { return -math.Sin(x) }},
	"sin":     {F: math.Sin, D: func(x, _ float64) float64 { return math.Cos(x) }},
	"tanh":    {F: math.Tanh, D: func(_, y float64) float64 { return 1 - y*y }, FromY: true},
	"sigmoid": {F: sigmoid, D: func(_, y float64) float64 { return y * (1 - y) }, FromY: true},
	"softplus": {F: func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
		D: func(x, _ float64) float64 { return sigmoid(x) }},
	"silu": {F: func(x float64) float64 { return x * sigmoid(x) }, D: func(x, _ float64) float64 {
		s := sigmoid(x)
		return s * (1 + x*(1-s))
	}},
	"reciprocal": {F: func(x float64) float64 { return 1 / x }, D: func(_, y float64) float64 { return -y * y },
		FromY: true},
	"gelu": {F: func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) },
		D: func(x, _ float64) float64 {
			return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		}},
	"gelu_tanh": {F: func(x float64) float64 { return 0.5 * x * (1 + math.Tanh(geluArg(x))) },
		D: func(x, _ float64) float64 {
			t := math.Tanh(geluArg(x))
			return 0.5*(1+t) + 0.5*x*(1-t*t)*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
		}},
}

func geluArg(x float64) float64 { return math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// step is 1 above 0, else 0.
func step(x float64) float64 {
	if x > 0 {
		return 1
	}
	return 0
}

// Neg is -x.
func Neg(x *Node) *Node { return Apply(Unary{"neg"}, x) }

// Relu is max(x, 0); its derivative at 0 is 0.
func Relu(x *Node) *Node { return Apply(Unary{"relu"}, x) }

// Exp is e^x.
func Exp(x *Node) *Node { return Apply(Unary{"exp"}, x) }

// Log is the natural logarithm.
func Log(x *Node) *Node { return Apply(Unary{"log"}, x) }

// Sqrt is the square root.
func Sqrt(x *Node) *Node { return Apply(Unary{"sqrt"}, x) }

// Rsqrt is 1/sqrt(x).
func Rsqrt(x *Node) *Node { return Apply(Unary{"rsqrt"}, x) }

// Square is x*x.
func Square(x *Node) *Node { return Apply(Unary{"square"}, x) }

// Abs is |x|; its derivative at 0 is 0.
func Abs(x *Node) *Node { return Apply(Unary{"abs"}, x) }

// Cos is the cosine of x in radians.
func Cos(x *Node) *Node { return Apply(Unary{"cos"}, x) }

// Sin is the sine of x in radians.
func Sin(x *Node) *Node { return Apply(Unary{"sin"}, x) }

// Tanh is the hyperbolic tangent.
func Tanh(x *Node) *Node { return Apply(Unary{"tanh"}, x) }

// Sigmoid is 1/(1+e^-x).
func Sigmoid(x *Node) *Node { return Apply(Unary{"sigmoid"}, x) }

// Softplus is log(1+e^x).
func Softplus(x *Node) *Node { return Apply(Unary{"softplus"}, x) }

// Silu is x*sigmoid(x).
func Silu(x *Node) *Node { return Apply(Unary{"silu"}, x) }

// Gelu is x times the normal distribution function of x (Hendrycks and Gimpel 2016, arXiv:1606.08415), exact.
func Gelu(x *Node) *Node { return Apply(Unary{"gelu"}, x) }

// GeluTanh is GELU's tanh approximation.
func GeluTanh(x *Node) *Node { return Apply(Unary{"gelu_tanh"}, x) }

// Reciprocal is 1/x.
func Reciprocal(x *Node) *Node { return Apply(Unary{"reciprocal"}, x) }

// Name implements ir.Spec.
func (o Unary) Name() string { return "unary" }

// Infer implements ir.Spec.
func (o Unary) Infer(in []ir.Type) (ir.Type, error) {
	if _, ok := Unaries[o.Fn]; !ok {
		return ir.Type{}, fmt.Errorf("no function %q", o.Fn)
	}
	return in[0], nil
}

// Ref implements ir.Spec.
func (o Unary) Ref(in []ir.Tensor, out ir.Tensor) {
	f := Unaries[o.Fn].F
	for i, x := range in[0].Data {
		out.Data[i] = f(x)
	}
}

// Cheap implements ir.Cheap.
func (o Unary) Cheap() {}

// InPlace implements ir.InPlacer.
func (o Unary) InPlace() []int { return []int{0} }

// Active implements Differentiable.
func (o Unary) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o Unary) Grad(g Grad) []*Node {
	if o.Fn == "neg" {
		return []*Node{Neg(g.Dy)}
	}
	at := g.In[0]
	if Unaries[o.Fn].FromY {
		at = g.Out
	}
	return []*Node{Apply(UnaryGrad(o), g.Dy, at)}
}

// UnaryGrad is dy times the derivative of a Unary; the second operand is y where its derivative reads y, else x.
type UnaryGrad struct{ Fn string }

// Name implements ir.Spec.
func (o UnaryGrad) Name() string { return "unary_grad" }

// Infer implements ir.Spec.
func (o UnaryGrad) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o UnaryGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	f := Unaries[o.Fn]
	for i, dy := range in[0].Data {
		v := in[1].Data[i]
		out.Data[i] = dy * f.D(v, v) // reads one of the two
	}
}

// InPlace implements ir.InPlacer.
func (o UnaryGrad) InPlace() []int { return []int{0, 1} }

// AffineOp is A*x + B.
type AffineOp struct{ A, B float64 }

// Affine is a*x + b.
func Affine(x *Node, a, b float64) *Node { return Apply(AffineOp{a, b}, x) }

// Scale is a*x; x itself for a of 1.
func Scale(x *Node, a float64) *Node {
	if a == 1 {
		return x
	}
	return Affine(x, a, 0)
}

// Shift is x + b.
func Shift(x *Node, b float64) *Node { return Affine(x, 1, b) }

// Name implements ir.Spec.
func (o AffineOp) Name() string { return "affine" }

// Infer implements ir.Spec.
func (o AffineOp) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o AffineOp) Ref(in []ir.Tensor, out ir.Tensor) {
	for i, x := range in[0].Data {
		out.Data[i] = o.A*x + o.B
	}
}

// Cheap implements ir.Cheap.
func (o AffineOp) Cheap() {}

// InPlace implements ir.InPlacer.
func (o AffineOp) InPlace() []int { return []int{0} }

// Active implements Differentiable.
func (o AffineOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o AffineOp) Grad(g Grad) []*Node { return []*Node{Scale(g.Dy, o.A)} }

// LeakyReluOp is x above 0 and Slope*x below.
type LeakyReluOp struct{ Slope float64 }

// LeakyRelu is x above 0 and slope*x below.
func LeakyRelu(x *Node, slope float64) *Node { return Apply(LeakyReluOp{slope}, x) }

// Name implements ir.Spec.
func (o LeakyReluOp) Name() string { return "leaky_relu" }

// Infer implements ir.Spec.
func (o LeakyReluOp) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o LeakyReluOp) Ref(in []ir.Tensor, out ir.Tensor) {
	for i, x := range in[0].Data {
		if x < 0 {
			x *= o.Slope
		}
		out.Data[i] = x
	}
}

// Cheap implements ir.Cheap.
func (o LeakyReluOp) Cheap() {}

// InPlace implements ir.InPlacer.
func (o LeakyReluOp) InPlace() []int { return []int{0} }

// Active implements Differentiable.
func (o LeakyReluOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o LeakyReluOp) Grad(g Grad) []*Node { return []*Node{Apply(LeakyReluGrad(o), g.Dy, g.In[0])} }

// LeakyReluGrad is the gradient of LeakyRelu from dy and x.
type LeakyReluGrad struct{ Slope float64 }

// Name implements ir.Spec.
func (o LeakyReluGrad) Name() string { return "leaky_relu_grad" }

// Infer implements ir.Spec.
func (o LeakyReluGrad) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o LeakyReluGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	for i, dy := range in[0].Data {
		if in[1].Data[i] <= 0 {
			dy *= o.Slope
		}
		out.Data[i] = dy
	}
}

// InPlace implements ir.InPlacer.
func (o LeakyReluGrad) InPlace() []int { return []int{0, 1} }

package spread

import (
	"fmt"
	"math"
	"reflect"

	"selfsup/graph/comm"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Place is where a rank's rows are in a whole value, whose elements are [K,N,U] in order, N samples.
type Place struct{ K, N, U, Rank, Size int }

// Run is the elements of one run of a rank's rows, and of which there are K.
func (p Place) Run() int { return p.N / p.Size * p.U }

// From is the first element of run k in the whole value.
func (p Place) From(k int) int { return p.Of(k, p.Rank) }

// Of is the same for another rank.
func (p Place) Of(k, rank int) int { return k*p.N*p.U + rank*p.Run() }

// Collective is an operation that ranks do together. Its Ref is not defined: it is Together, with the others.
type Collective interface {
	ir.Spec
	Together(c comm.Comm, in []ir.Tensor, out ir.Tensor) error
}

// alone is the panic of a collective that is run by one rank.
func alone(s ir.Spec) { panic(fmt.Sprintf("%s is run without the other ranks", s.Name())) }

// Gather is all rows of a value, from each rank's own: an all-gather.
type Gather struct {
	Place
	To op.Dims
}

// Name implements ir.Spec.
func (o Gather) Name() string { return "all_gather" }

// Infer implements ir.Spec.
func (o Gather) Infer(in []ir.Type) (ir.Type, error) {
	if to := o.To.Shape().Size(); in[0].Shape.Size()*o.Size != to {
		return ir.Type{}, fmt.Errorf("%v of each of %d ranks are not %d elements", in[0], o.Size, to)
	}
	return ir.Type{Shape: o.To.Shape(), DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o Gather) Ref([]ir.Tensor, ir.Tensor) { alone(o) }

// Integers implements ir.Integers.
func (o Gather) Integers(int) bool { return true }

// Together implements Collective.
func (o Gather) Together(c comm.Comm, in []ir.Tensor, out ir.Tensor) error {
	src, dst := make([]byte, 8*len(in[0].Data)), make([]byte, 8*len(out.Data))
	for i, v := range in[0].Data {
		putFloat(src[8*i:], v)
	}
	if err := c.Gather(dst, src); err != nil {
		return err
	}
	for r := range o.Size {
		for k := range o.K {
			for i := range o.Run() {
				out.Data[o.Of(k, r)+i] = getFloat(dst[8*((r*o.K+k)*o.Run()+i):])
			}
		}
	}
	return nil
}

func putFloat(b []byte, v float64) {
	u := math.Float64bits(v)
	for i := range 8 {
		b[i] = byte(u >> (8 * i))
	}
}

func getFloat(b []byte) float64 {
	var u uint64
	for i := range 8 {
		u |= uint64(b[i]) << (8 * i)
	}
	return math.Float64frombits(u)
}

// Reduce is the sum of a value over the ranks: an all-reduce.
type Reduce struct{}

// Name implements ir.Spec.
func (o Reduce) Name() string { return "all_reduce" }

// Infer implements ir.Spec.
func (o Reduce) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o Reduce) Ref([]ir.Tensor, ir.Tensor) { alone(o) }

// InPlace implements ir.InPlacer.
func (o Reduce) InPlace() []int { return []int{0} }

// Together implements Collective.
func (o Reduce) Together(c comm.Comm, in []ir.Tensor, out ir.Tensor) error {
	copy(out.Data, in[0].Data)
	return c.Sum64(out.Data)
}

// Scatter is a rank's rows of the sum over the ranks: a reduce-scatter.
type Scatter struct {
	Place
	To op.Dims
}

// Name implements ir.Spec.
func (o Scatter) Name() string { return "reduce_scatter" }

// Infer implements ir.Spec.
func (o Scatter) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: o.To.Shape(), DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o Scatter) Ref([]ir.Tensor, ir.Tensor) { alone(o) }

// Together implements Collective.
func (o Scatter) Together(c comm.Comm, in []ir.Tensor, out ir.Tensor) error {
	src := make([]float64, 0, len(in[0].Data))
	for r := range o.Size {
		for k := range o.K {
			src = append(src, in[0].Data[o.Of(k, r):][:o.Run()]...)
		}
	}
	return c.Scatter64(out.Data, src)
}

// Mine is a rank's rows of a whole value.
type Mine struct {
	Place
	To op.Dims
}

// Name implements ir.Spec.
func (o Mine) Name() string { return "my_rows" }

// Infer implements ir.Spec.
func (o Mine) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: o.To.Shape(), DType: in[0].DType}, nil
}

// Integers implements ir.Integers.
func (o Mine) Integers(int) bool { return true }

// Cheap implements ir.Cheap.
func (o Mine) Cheap() {}

// Ref implements ir.Spec.
func (o Mine) Ref(in []ir.Tensor, out ir.Tensor) {
	for k := range o.K {
		copy(out.Data[k*o.Run():], in[0].Data[o.From(k):][:o.Run()])
	}
}

// Random is a rank's rows of what RandomOp draws.
type Random struct {
	Of op.RandomOp
	To op.Dims
	Place
}

// Name implements ir.Spec.
func (o Random) Name() string { return "random_rows" }

// Infer implements ir.Spec.
func (o Random) Infer(in []ir.Type) (ir.Type, error) {
	t, err := o.Of.Infer(in)
	return ir.Type{Shape: o.To.Shape(), DType: t.DType}, err
}

// Ref implements ir.Spec.
func (o Random) Ref(in []ir.Tensor, out ir.Tensor) {
	stream := o.Of.Stream(in[0].Data[0], in[0].Data[1], in[1].Data[0])
	for k := range o.K {
		for i := range o.Run() {
			out.Data[k*o.Run()+i] = o.Of.At(stream, o.From(k)+i)
		}
	}
}

// Diagonal is DiagonalOp on a rank's rows of a matrix [N,N].
type Diagonal struct {
	Of op.DiagonalOp
	N  int // of the whole matrix
	Place
}

// Name implements ir.Spec.
func (o Diagonal) Name() string { return "mask_diagonal_rows" }

// Infer implements ir.Spec.
func (o Diagonal) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// InPlace implements ir.InPlacer.
func (o Diagonal) InPlace() []int { return []int{0} }

// Ref implements ir.Spec.
func (o Diagonal) Ref(in []ir.Tensor, out ir.Tensor) {
	copy(out.Data, in[0].Data)
	o.Places(func(i int) { out.Data[i] = o.Of.Value })
}

// Places calls f with every element of the rank's rows that is on the diagonal.
func (o Diagonal) Places(f func(i int)) {
	for k := range o.K {
		from := o.From(k)
		for i := range o.Run() {
			if at := from + i; at/o.N == at%o.N {
				f(k*o.Run() + i)
			}
		}
	}
}

// MergeStats is mean and biased variance over all ranks, [2,C], from those of each rank over as many values, [R,2,C].
//
// Chan, Golub, LeVeque 1979: the variance is the mean variance plus the variance of the means.
type MergeStats struct{}

// Name implements ir.Spec.
func (o MergeStats) Name() string { return "merge_stats" }

// Infer implements ir.Spec.
func (o MergeStats) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) != 3 || in[0].Shape[1] != 2 {
		return ir.Type{}, fmt.Errorf("want [ranks,2,C]")
	}
	return ir.Type{Shape: in[0].Shape[1:], DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o MergeStats) Ref(in []ir.Tensor, out ir.Tensor) {
	ranks, c := in[0].Shape[0], in[0].Shape[2]
	for j := range c {
		mean, variance := Merge(ranks, func(r int) (mean, variance float64) {
			return in[0].Data[2*r*c+j], in[0].Data[(2*r+1)*c+j]
		})
		out.Data[j], out.Data[c+j] = mean, variance
	}
}

// Merge is the mean and the variance of n groups of one size together.
func Merge(n int, of func(r int) (mean, variance float64)) (mean, variance float64) {
	for r := range n {
		m, v := of(r)
		mean, variance = mean+m/float64(n), variance+v/float64(n)
	}
	for r := range n {
		m, _ := of(r)
		variance += (m - mean) * (m - mean) / float64(n)
	}
	return mean, variance
}

// Begin copies values side by side, each at a multiple of Lane, and begins to sum them over the ranks. End waits for
// the sums; nobody but End may read what Begin makes.
type Begin struct{ Elements int }

// End waits for the sums of a Begin.
type End struct{}

// Lane is the number of elements that the place of every value in a Begin is a multiple of.
const Lane = 16

// Lanes rounds a number of elements up to a multiple of Lane.
func Lanes(n int) int { return (n + Lane - 1) / Lane * Lane }

// Name implements ir.Spec.
func (o Begin) Name() string { return "all_reduce_begin" }

// Infer implements ir.Spec.
func (o Begin) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: ir.Shape{o.Elements}, DType: in[0].DType}, nil
}

// Ref implements ir.Spec: what the sum is made of.
func (o Begin) Ref(in []ir.Tensor, out ir.Tensor) {
	at := 0
	for _, x := range in {
		copy(out.Data[at:], x.Data)
		at += Lanes(len(x.Data))
	}
}

// Name implements ir.Spec.
func (o End) Name() string { return "all_reduce_end" }

// Infer implements ir.Spec.
func (o End) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }

// Ref implements ir.Spec.
func (o End) Ref([]ir.Tensor, ir.Tensor) { alone(o) }

// InPlace implements ir.InPlacer.
func (o End) InPlace() []int { return []int{0} }

// Together implements Collective: a backend that begins nothing sums here.
func (o End) Together(c comm.Comm, in []ir.Tensor, out ir.Tensor) error {
	return Reduce{}.Together(c, in, out)
}

// Defines reports whether an operation is of this package.
func Defines(s ir.Spec) bool {
	return reflect.TypeOf(s).PkgPath() == reflect.TypeFor[Gather]().PkgPath()
}

package op

import (
	"fmt"
	"math"
	"slices"

	"selfsup/graph/ir"
)

// The operations of this file make the new value of a memory: a queue of keys, a bank with a row for every sample.
// They may overwrite the memory that they replace, and have no gradient. A memory holds floats or int32.

// PutAtOp replaces neighbouring rows of a queue.
type PutAtOp struct{}

// PutAt is queue [K,...] with its rows at, at+1 ... replaced by rows [N,...], going on with row 0 behind the last. at
// [] is a whole number that is not negative, int32 or floating point (float32 counts exactly up to 2^24); what is
// above K counts modulo K. N is at most K.
func PutAt(queue, at, rows *Node) *Node { return Apply(PutAtOp{}, queue, at, rows) }

// Name implements ir.Spec.
func (o PutAtOp) Name() string { return "put_at" }

// Infer implements ir.Spec.
func (o PutAtOp) Infer(in []ir.Type) (ir.Type, error) {
	queue, rows := in[0], in[2]
	if err := rowsFit(queue, rows); err != nil {
		return ir.Type{}, err
	}
	if len(in[1].Shape) != 0 {
		return ir.Type{}, fmt.Errorf("the place is %v, want a scalar", in[1])
	}
	if rows.Shape[0] > queue.Shape[0] {
		return ir.Type{}, fmt.Errorf("%d rows do not fit a queue of %d", rows.Shape[0], queue.Shape[0])
	}
	return queue, nil
}

// rowsFit says what is wrong with rows that are to be put into a memory.
func rowsFit(memory, rows ir.Type) error {
	m, r := memory.Shape, rows.Shape
	if len(m) == 0 || len(r) != len(m) || !m[1:].Equal(r[1:]) || memory.DType != rows.DType {
		return fmt.Errorf("rows %v do not fit a memory %v: element types agree, and shapes in all axes but the first",
			rows, memory)
	}
	return nil
}

// Place is the row of a queue of k rows that at, a number of operand 1, stands for. It panics where at is none.
func (o PutAtOp) Place(at float64, k int) int {
	if !(at >= 0 && at <= 1<<53) || at != math.Trunc(at) {
		panic(fmt.Sprintf("rows are to be put at %v of a queue of %d, want a whole number from 0 on", at, k))
	}
	return int(int64(at) % int64(k))
}

// Ref implements ir.Spec.
func (o PutAtOp) Ref(in []ir.Tensor, out ir.Tensor) {
	k, n := in[0].Shape[0], in[2].Shape[0]
	d := in[0].Shape[1:].Size()
	at := o.Place(in[1].Data[0], k)
	copy(out.Data, in[0].Data)
	for i := range n {
		copy(out.Data[(at+i)%k*d:][:d], in[2].Data[i*d:])
	}
}

// InPlace implements ir.InPlacer.
func (o PutAtOp) InPlace() []int { return []int{0} }

// Integers implements ir.Integers.
func (o PutAtOp) Integers(int) bool { return true }

// PutRowsOp replaces single rows of a bank.
type PutRowsOp struct{}

// PutRows is bank [N,...] with its row ids[i] replaced by row i of values [B,...], for every i in turn: of a row that
// ids names twice the later value stays, and an id below 0 leaves everything as it is. ids [B] is int32.
func PutRows(bank, ids, values *Node) *Node { return Apply(PutRowsOp{}, bank, ids, values) }

// Name implements ir.Spec.
func (o PutRowsOp) Name() string { return "put_rows" }

// Infer implements ir.Spec.
func (o PutRowsOp) Infer(in []ir.Type) (ir.Type, error) {
	if err := rowsFit(in[0], in[2]); err != nil {
		return ir.Type{}, err
	}
	if ids := in[1]; ids.DType != ir.I32 || !slices.Equal(ids.Shape, in[2].Shape[:1]) {
		return ir.Type{}, fmt.Errorf("row numbers are %v, want int32 %v", ids, in[2].Shape[:1])
	}
	return in[0], nil
}

// Check panics if a row number is outside a bank of n rows.
func (o PutRowsOp) Check(i, id, n int) {
	if id >= n {
		panic(fmt.Sprintf("value %d goes to row %d, want one below %d", i, id, n))
	}
}

// Ref implements ir.Spec.
func (o PutRowsOp) Ref(in []ir.Tensor, out ir.Tensor) {
	n, d := in[0].Shape[0], in[0].Shape[1:].Size()
	copy(out.Data, in[0].Data)
	for i, id := range in[1].Data {
		o.Check(i, int(id), n)
		if id >= 0 {
			copy(out.Data[int(id)*d:][:d], in[2].Data[i*d:])
		}
	}
}

// InPlace implements ir.InPlacer.
func (o PutRowsOp) InPlace() []int { return []int{0} }

// Integers implements ir.Integers.
func (o PutRowsOp) Integers(int) bool { return true }

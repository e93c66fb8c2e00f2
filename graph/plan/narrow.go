package plan

import "selfsup/graph/ir"

// narrow keeps temporaries in bfloat16 that are rounded to it anyway, by the operation that makes them or by all that
// read them. narrows says which operands (or ir.Result) a backend's kernel for an operation takes in that type. No
// result changes by a bit.
func narrow(p *ir.Program, narrows func(s ir.Spec, in []ir.Type, operand int) bool) error {
	if narrows == nil {
		return nil
	}
	u := usesOf(p)
	for _, in := range p.Instrs {
		if b := p.Bufs[in.Out]; b.Class != ir.Temp || b.DType != ir.F32 || u.pinned[in.Out] ||
			!narrows(in.Spec, p.Types(in), ir.Result) {
			continue
		}
		readers := u.readers(in.Out)
		rounded := len(readers) > 0 // by all who read it
		taken := rounded
		for _, r := range readers {
			reader := p.Instrs[r.instr]
			rounder, ok := reader.Spec.(ir.Rounder)
			rounded = rounded && ok && rounder.Rounds(r.operand)
			taken = taken && narrows(reader.Spec, p.Types(reader), r.operand)
		}
		maker, ok := in.Spec.(ir.Rounder)
		if taken && (rounded || ok && maker.Rounds(ir.Result)) {
			u.setType(in.Out, ir.BF16)
		}
	}
	return nil
}

// setType gives buffer b and the views of it an element type.
func (u *uses) setType(b int, d ir.DType) {
	u.p.Bufs[b].DType = d
	for _, r := range u.direct[b] {
		in := u.p.Instrs[r.instr]
		if _, view := in.Spec.(ir.Viewer); view {
			u.setType(in.Out, d)
		}
	}
}

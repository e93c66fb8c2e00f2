package op

// Operations that memory may be saved by doing twice.

// Cheap implements ir.Cheap.
func (AddN) Cheap() {}

// Cheap implements ir.Cheap.
func (AffineOp) Cheap() {}

// Cheap implements ir.Cheap.
func (BatchNormOp) Cheap() {}

// Cheap implements ir.Cheap.
func (Binary) Cheap() {}

// Cheap implements ir.Cheap.
func (BroadcastOp) Cheap() {}

// Cheap implements ir.Cheap.
func (ConcatOp) Cheap() {}

// Cheap implements ir.Cheap.
func (LayerNormOp) Cheap() {}

// Cheap implements ir.Cheap.
func (LeakyReluOp) Cheap() {}

// Cheap implements ir.Cheap.
func (NormalizeOp) Cheap() {}

// Cheap implements ir.Cheap.
func (PadOp) Cheap() {}

// Cheap implements ir.Cheap.
func (SliceOp) Cheap() {}

// Cheap implements ir.Cheap.
func (TransposeOp) Cheap() {}

// Cheap implements ir.Cheap.
func (Unary) Cheap() {}

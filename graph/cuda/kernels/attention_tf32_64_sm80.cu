// Attention on tensor cores, operands in tf32, for heads of up to 64 elements. Wider ones have no room for their
// fragments in registers.
#include "attention_tensor.h"

ATTENTION(Singles, 64, 2, _tf32_64)

// Attention on tensor cores, operands in tf32, for heads of up to 32 elements.
#include "attention_tensor.h"

ATTENTION(Singles, 32, 3, _tf32_32)

// Attention on tensor cores, operands in bfloat16, for heads of up to 32 elements.
#include "attention_tensor.h"

ATTENTION(Halves, 32, 4, _bf16_32)

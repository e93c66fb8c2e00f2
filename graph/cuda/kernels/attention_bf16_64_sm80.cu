// Attention on tensor cores, operands in bfloat16, for heads of up to 64 elements.
#include "attention_tensor.h"

ATTENTION(Halves, 64, 3, _bf16_64)

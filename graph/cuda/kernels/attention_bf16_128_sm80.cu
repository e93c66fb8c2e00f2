// Attention on tensor cores, operands in bfloat16, for heads of up to 128 elements.
#include "attention_tensor.h"

ATTENTION(Halves, 128, 2, _bf16_128)

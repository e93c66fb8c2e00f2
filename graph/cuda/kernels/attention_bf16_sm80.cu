// Attention on tensor cores, operands in bfloat16.
#include "attention.h"

ATTENTION(Halves, 32, 4, _bf16_32)
ATTENTION(Halves, 64, 3, _bf16_64)
ATTENTION(Halves, 128, 2, _bf16_128)

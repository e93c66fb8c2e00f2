// Attention in float32 for heads of up to 32 elements.
#include "attention.h"

ATTENTION(32, 64, 64, 4)
ATTENTION_GRAD(32, 64, 32, 4)

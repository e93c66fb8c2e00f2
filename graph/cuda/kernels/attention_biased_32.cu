// Attention with biases, and causal attention, in float32 for heads of up to 32 elements.
#include "attention.h"

ATTENTION_BIASED(32, 64, 64, 4)
ATTENTION_GRAD_BIASED(32, 64, 32, 4)

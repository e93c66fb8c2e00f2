// Attention with biases, and causal attention, in float32 for heads of up to 64 elements.
#include "attention.h"

ATTENTION_BIASED(64, 64, 64, 4)
ATTENTION_GRAD_BIASED(64, 64, 32, 3)
ATTENTION_GRAD_BIASED(64, 32, 32, 4)

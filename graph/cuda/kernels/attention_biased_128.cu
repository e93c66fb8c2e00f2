// Attention with biases, and causal attention, in float32 for heads of up to 128 elements.
#include "attention.h"

ATTENTION_BIASED(128, 64, 32, 3)
ATTENTION_GRAD_BIASED(128, 32, 32, 2)
ATTENTION_GRAD_BIASED(128, 16, 32, 2)

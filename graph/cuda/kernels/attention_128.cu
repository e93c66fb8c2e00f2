// Attention in float32 for heads of up to 128 elements. The smaller tile is for devices with 96 KiB of shared memory.
#include "attention.h"

ATTENTION(128, 64, 32, 3)
ATTENTION_GRAD(128, 32, 32, 2)
ATTENTION_GRAD(128, 16, 32, 2)

// Attention in float32 for heads of up to 64 elements. The smaller tile is for devices with 64 KiB of shared memory.
#include "attention.h"

ATTENTION(64, 64, 64, 4)
ATTENTION_GRAD(64, 64, 32, 3)
ATTENTION_GRAD(64, 32, 32, 4)

// Attention on tensor cores, operands in tf32, for heads of up to 64 elements: wider ones' fragments have no room in
// registers.
#include "attention.h"

ATTENTION(Singles, 32, 3, _tf32_32)
ATTENTION(Singles, 64, 2, _tf32_64)

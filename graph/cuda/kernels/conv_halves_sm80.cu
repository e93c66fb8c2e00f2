// Convolutions on tensor cores whose operands were rounded to bfloat16, and images normed, beforehand.
#include "conv.h"
#include "halves.h"

CONVS(Piped, 128, 128, 2, conv_halves, _128x128)
CONVS(Piped, 128, 64, 3, conv_halves, _128x64)
CONVS(Piped, 64, 64, 6, conv_halves, _64x64)

// Convolutions on tensor cores, operands in bfloat16.
#include "conv.h"
#include "tensor.h"

CONVS(BFloat16, 128, 128, 2, conv_bf16, _128x128)
CONVS(BFloat16, 128, 64, 3, conv_bf16, _128x64)
CONVS(BFloat16, 64, 64, 6, conv_bf16, _64x64)
CONVS_NORM(BFloat16, 128, 128, 2, conv_bf16, _128x128)
CONVS_NORM(BFloat16, 128, 64, 3, conv_bf16, _128x64)
CONVS_NORM(BFloat16, 64, 64, 6, conv_bf16, _64x64)

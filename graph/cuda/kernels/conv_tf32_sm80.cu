// Convolutions on tensor cores, operands in tf32.
#include "conv.h"
#include "tensor.h"

CONVS(TFloat32, 128, 128, 2, conv_tf32, _128x128)
CONVS(TFloat32, 128, 64, 3, conv_tf32, _128x64)
CONVS(TFloat32, 64, 64, 6, conv_tf32, _64x64)
CONVS_NORM(TFloat32, 128, 128, 2, conv_tf32, _128x128)
CONVS_NORM(TFloat32, 128, 64, 3, conv_tf32, _128x64)
CONVS_NORM(TFloat32, 64, 64, 6, conv_tf32, _64x64)

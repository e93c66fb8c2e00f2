// Products of matrices on tensor cores, operands in tf32.
#include "gemm.h"
#include "tensor.h"

GEMMS(TFloat32, 128, 128, 2, gemm_tf32, _128x128)
GEMMS(TFloat32, 128, 64, 3, gemm_tf32, _128x64)
GEMMS(TFloat32, 64, 64, 6, gemm_tf32, _64x64)

// Products of matrices on tensor cores, operands in bfloat16.
#include "gemm.h"
#include "tensor.h"

GEMMS(BFloat16, 128, 128, 2, gemm_bf16, _128x128)
GEMMS(BFloat16, 128, 64, 3, gemm_bf16, _128x64)
GEMMS(BFloat16, 64, 64, 6, gemm_bf16, _64x64)

// Sample kernels of the tests.
//   clang-16 -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 -Xclang -target-feature -Xclang +ptx70 -nocudainc -nocudalib -O3 -S kernels.cu -o kernels.ptx
#include "prelude.h"

extern "C" {

__constant__ float table[4] = {1, 2, 3, 4};

__global__ void saxpy(float a, const float *x, float *y, int n) {
	int i = block_x * threads_x + thread_x;
	if (i < n)
		y[i] = a * x[i] + y[i] + table[i & 3];
}

// row_sum adds the n values of each block's row: threads, then lanes by shuffles, then warps.
__global__ void row_sum(const float *x, float *sums, int n) {
	__shared__ float part[32];
	float s = 0;
	for (int i = thread_x; i < n; i += threads_x)
		s += x[block_x * n + i];
	for (int k = 16; k; k /= 2)
		s += __nvvm_shfl_sync_down_f32(~0u, s, k, 31);
	if (thread_x % 32 == 0)
		part[thread_x / 32] = s;
	__syncthreads();
	if (thread_x < 32) {
		s = thread_x < threads_x / 32 ? part[thread_x] : 0;
		for (int k = 16; k; k /= 2)
			s += __nvvm_shfl_sync_bfly_f32(~0u, s, k, 31);
		if (thread_x == 0)
			sums[block_x] = s;
	}
}

// gemm: C [M,N] = A [M,K] B [K,N]; blocks of 256 threads make tiles of 64 x 64, 4 x 4 values a thread.
__global__ void gemm(const float *A, const float *B, float *C, int M, int N, int K) {
	__shared__ float a[16][68], b[16][68];
	int i = thread_x / 16, j = thread_x % 16;
	float sum[4][4] = {};
	for (int k0 = 0; k0 < K; k0 += 16) {
		float4 v = *(const float4 *)(A + (block_y * 64 + thread_x / 4) * K + k0 + thread_x % 4 * 4);
		for (int e = 0; e < 4; e++)
			a[thread_x % 4 * 4 + e][thread_x / 4] = v[e];
		*(float4 *)&b[i][j * 4] = *(const float4 *)(B + (k0 + i) * N + block_x * 64 + j * 4);
		__syncthreads();
		for (int k = 0; k < 16; k++) {
			float4 p = *(float4 *)&a[k][i * 4], q = *(float4 *)&b[k][j * 4];
			for (int r = 0; r < 4; r++)
				for (int c = 0; c < 4; c++)
					sum[r][c] += p[r] * q[c];
		}
		__syncthreads();
	}
	for (int r = 0; r < 4; r++)
		*(float4 *)(C + (block_y * 64 + i * 4 + r) * N + block_x * 64 + j * 4) = *(float4 *)sum[r];
}
}

// Sample kernels of the tests: each does what its comment says, and no more.
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

// steps counts how often a number is halved or tripled until it is 1: every thread loops as long as it must.
__global__ void steps(const int *x, int *counts, int n) {
	int i = block_x * threads_x + thread_x, count = 0;
	if (i >= n)
		return;
	for (unsigned v = x[i]; v != 1; count++)
		v = v % 2 ? 3 * v + 1 : v / 2;
	counts[i] = count;
}

struct Pair {
	float value;
	double weight;
	int place[3];
};

__device__ __attribute__((noinline)) float ratio(float a, float b, int *kind) {
	if (a > b) {
		*kind = 1;
		return a / b;
	}
	*kind = 2;
	return b * a;
}

__device__ __attribute__((noinline)) Pair moved(Pair p, int k) {
	p.place[k] += 10;
	p.weight += ratio(p.value, 2, &p.place[(k + 1) % 3]);
	return p;
}

// calls passes numbers, structures and pointers to local memory through two levels of functions, half of the lanes in
// another order.
__global__ void calls(const float *x, double *y, Pair p) {
	int kind = 0;
	float r = thread_x % 2 ? ratio(x[thread_x], 3, &kind) : 0;
	p.value = x[thread_x];
	Pair q = moved(p, thread_x % 3);
	if (thread_x % 2 == 0)
		r = ratio(3, x[thread_x], &kind);
	y[thread_x] = r + 100 * kind + q.weight + q.place[0] + 2 * q.place[1] + 4 * q.place[2];
}

// reversed turns a block's stretch round, in as much shared memory as the launch gives.
extern __shared__ float stretch[];
__global__ void reversed(float *x, int n) {
	for (int i = thread_x; i < n; i += threads_x)
		stretch[i] = x[block_x * n + i];
	__syncthreads();
	for (int i = thread_x; i < n; i += threads_x)
		x[block_x * n + i] = stretch[n - 1 - i];
}

// pipeline adds columns of x [n, 4 threads]: tiles of one row come through two buffers of shared memory by cp.async,
// each read by the thread's neighbour. Rows beyond n come as zeros.
__global__ void pipeline(const float *x, float *sums, int n) {
	__shared__ float4 buffer[2][64];
	float4 sum = 0;
	int other = (thread_x + 1) % threads_x;
	auto fetch = [&](int row) {
		copy16(shared_address(&buffer[row % 2][thread_x]), x + ((row < n ? row : 0) * threads_x + thread_x) * 4,
			row < n ? 16 : 0);
		asm volatile("cp.async.commit_group;" ::: "memory");
	};
	fetch(0);
	for (int row = 0; row < n + 2; row++) {
		fetch(row + 1);
		asm volatile("cp.async.wait_group 1;" ::: "memory");
		__syncthreads();
		sum += buffer[row % 2][other];
		__syncthreads();
	}
	*(float4 *)(sums + other * 4) = sum;
}

// counted adds 1 to counters by atomics, of shared and of global memory.
__global__ void counted(const int *x, int *counts, int n) {
	__shared__ int mine[8];
	if (thread_x < 8)
		mine[thread_x] = 0;
	__syncthreads();
	int i = block_x * threads_x + thread_x;
	if (i < n)
		__nvvm_atom_add_gen_i(&mine[x[i] & 7], 1);
	__syncthreads();
	if (thread_x < 8)
		__nvvm_atom_add_gen_i(&counts[thread_x], mine[thread_x]);
}
}

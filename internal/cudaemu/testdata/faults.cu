// Kernels with one fault each.
#include "prelude.h"

extern "C" {

// Every thread reads one place further than it should: the last one leaves the allocation.
__global__ void beyond(const float *x, float *y) { y[thread_x] = x[thread_x + 1]; }

// A neighbour's value is read without a barrier: of another warp, and of the same.
__global__ void no_barrier(float *x) {
	__shared__ float s[64];
	s[thread_x] = x[thread_x];
	x[thread_x] = s[(thread_x + 32) % 64];
}
__global__ void no_warp_barrier(float *x) {
	__shared__ float s[32];
	s[thread_x] = x[thread_x];
	x[thread_x] = s[thread_x ^ 1];
}
// The second barrier is missing: the next turn's write meets the last turn's read.
__global__ void one_barrier(float *x, int turns) {
	__shared__ float s[64];
	float v = x[thread_x];
	for (int k = 0; k < turns; k++) {
		s[thread_x] = v;
		__syncthreads();
		v += s[(thread_x + 33) % 64];
	}
	x[thread_x] = v;
}
// With both kinds of barrier where they belong there is no race.
__global__ void all_barriers(float *x, int turns) {
	__shared__ float s[64];
	float v = x[thread_x];
	for (int k = 0; k < turns; k++) {
		s[thread_x] = v;
		__syncthreads();
		v += s[(thread_x + 33) % 64];
		__syncthreads();
		s[thread_x] = v;
		__nvvm_bar_warp_sync(~0u);
		v += s[thread_x ^ 1];
		__nvvm_bar_warp_sync(~0u);
	}
	x[thread_x] = v;
}
// Blocks write the same place, though the same value.
__global__ void same_place(float *x) {
	if (thread_x == 0)
		x[0] = 1;
}
// A block reads what its neighbour writes.
__global__ void neighbour(float *x) {
	x[block_x * threads_x + thread_x] = x[(block_x * threads_x + thread_x + 32) % 64] + 1;
}

__global__ void misaligned(const float *x, float *y) { *(float4 *)y = *(const float4 *)(x + 1); }

__global__ void leaves_early(float *x, int n) {
	if ((int)thread_x >= n)
		return;
	__syncthreads();
	x[thread_x] = 1;
}
__global__ void lanes_missing(float *x) {
	float v = x[thread_x];
	if (thread_x < 20)
		v += __nvvm_shfl_sync_down_f32(~0u, v, 1, 31);
	x[thread_x] = v;
}
__global__ void shared_beyond(float *x) {
	__shared__ float s[32];
	s[thread_x] = x[thread_x];
	__syncthreads();
	x[thread_x] = s[thread_x + (int)x[0]];
}
// Copies are read before they are waited for, and by another thread without a barrier.
__global__ void not_waited(const float *x, float *y) {
	__shared__ float4 s[32];
	copy16(shared_address(&s[thread_x]), x + 4 * thread_x, 16);
	asm volatile("cp.async.commit_group;" ::: "memory");
	y[thread_x] = s[thread_x][0];
}
__global__ void waited_alone(const float *x, float *y) {
	__shared__ float4 s[32];
	copy16(shared_address(&s[thread_x]), x + 4 * thread_x, 16);
	asm volatile("cp.async.wait_all;" ::: "memory");
	y[thread_x] = s[thread_x ^ 1][0];
}
}

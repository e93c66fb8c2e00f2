// Products by tensor cores, one warp each. A is [16,K] by rows, B [8,K] by its columns, C [16,8] by rows.
#include "prelude.h"

extern "C" {

#define MMA(shape, types) "mma.sync.aligned." shape ".row.col.f32." types ".f32 {%0,%1,%2,%3}, "

// The layout of the fragments, as the PTX ISA draws it: group = lane / 4, t = lane % 4.
__global__ void bf16_k16(const unsigned *A, const unsigned *B, float *C) {
	int group = thread_x / 4, t = thread_x % 4;
	float c[4] = {};
	unsigned a0 = A[group * 8 + t], a1 = A[(group + 8) * 8 + t], a2 = A[group * 8 + t + 4],
			 a3 = A[(group + 8) * 8 + t + 4];
	unsigned b0 = B[group * 8 + t], b1 = B[group * 8 + t + 4];
	asm volatile(MMA("m16n8k16", "bf16.bf16") "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
				 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
	for (int r = 0; r < 4; r++)
		C[(group + r / 2 * 8) * 8 + 2 * t + r % 2] = c[r];
}

// The same with rows and columns of A's fragment in the wrong order: registers 1 and 2 changed.
__global__ void bf16_wrong(const unsigned *A, const unsigned *B, float *C) {
	int group = thread_x / 4, t = thread_x % 4;
	float c[4] = {};
	unsigned a0 = A[group * 8 + t], a2 = A[(group + 8) * 8 + t], a1 = A[group * 8 + t + 4],
			 a3 = A[(group + 8) * 8 + t + 4];
	unsigned b0 = B[group * 8 + t], b1 = B[group * 8 + t + 4];
	asm volatile(MMA("m16n8k16", "bf16.bf16") "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
				 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
	for (int r = 0; r < 4; r++)
		C[(group + r / 2 * 8) * 8 + 2 * t + r % 2] = c[r];
}

// The fragments come from shared memory by ldmatrix. B is stored by rows here, [16,8], and is turned by .trans.
__global__ void bf16_ldmatrix(const unsigned *A, const unsigned *B, float *C) {
	__shared__ __attribute__((aligned(16))) unsigned a[16 * 8], b[16 * 4];
	for (int i = thread_x; i < 16 * 8; i += 32)
		a[i] = A[i];
	for (int i = thread_x; i < 16 * 4; i += 32)
		b[i] = B[i];
	__syncthreads();
	unsigned a0, a1, a2, a3, b0, b1;
	unsigned from = shared_address(&a[thread_x % 16 * 8 + thread_x / 16 * 4]);
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
				 : "=r"(a0), "=r"(a1), "=r"(a2), "=r"(a3)
				 : "r"(from));
	from = shared_address(&b[thread_x % 16 * 4]);
	asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(b0), "=r"(b1) : "r"(from));
	float c[4] = {};
	asm volatile(MMA("m16n8k16", "bf16.bf16") "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
				 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
	int group = thread_x / 4, t = thread_x % 4;
	for (int r = 0; r < 4; r++)
		C[(group + r / 2 * 8) * 8 + 2 * t + r % 2] = c[r];
}

__global__ void bf16_k8(const unsigned *A, const unsigned *B, float *C) {
	int group = thread_x / 4, t = thread_x % 4;
	float c[4] = {};
	unsigned a0 = A[group * 4 + t], a1 = A[(group + 8) * 4 + t], b0 = B[group * 4 + t];
	asm volatile(MMA("m16n8k8", "bf16.bf16") "{%4,%5}, {%6}, {%0,%1,%2,%3};"
				 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
				 : "r"(a0), "r"(a1), "r"(b0));
	for (int r = 0; r < 4; r++)
		C[(group + r / 2 * 8) * 8 + 2 * t + r % 2] = c[r];
}

__global__ void tf32_k8(const unsigned *A, const unsigned *B, float *C) {
	int group = thread_x / 4, t = thread_x % 4;
	float c[4] = {};
	unsigned a0 = A[group * 8 + t], a1 = A[(group + 8) * 8 + t], a2 = A[group * 8 + t + 4],
			 a3 = A[(group + 8) * 8 + t + 4];
	unsigned b0 = B[group * 8 + t], b1 = B[group * 8 + t + 4];
	asm volatile(MMA("m16n8k8", "tf32.tf32") "{%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
				 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
	for (int r = 0; r < 4; r++)
		C[(group + r / 2 * 8) * 8 + 2 * t + r % 2] = c[r];
}
}

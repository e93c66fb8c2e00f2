// Package kern holds the CPU kernels everything else stands on: a worker pool, matrix products and convolutions over
// plain float32 slices.
//
// Tensors are dense and row-major; images are channels-last [B,H,W,C], convolution weights [KH,KW,Ci/Groups,Co].
// Outputs are overwritten unless the comment says "adds". No call allocates: scratch is the caller's, sized by the
// function of the same name that ends in Scratch. Results depend on shapes, values and instruction level, never on the
// number of threads. A slice that is too short is a programming error and panics with the sizes.
//
// One contract (tile) carries every product: C[mr,nr] (+)= sum over blocks and k of A*B with free strides. It exists in
// AVX-512 and AVX2 (generated assembly, see internal/asmgen), NEON and plain Go; the level is chosen once from the
// CPU's features. The environment variable SELFSUP_CPU=generic|avx2|avx512|avx512bf16|amx (on arm64 generic|neon)
// forces a lower one; CheckLevel says when it asks for too much. What has no NEON version (the transforms, depthwise
// sums, elementwise passes) is plain Go there.
//
// A second contract (pair) carries products of operands rounded to bfloat16, with sums in float32: AMX tiles, AVX-512
// with its dot product of pairs, or the float32 instructions on widened operands. Operands may lie in memory as float32
// or as bfloat16 (Values), with the same result.
//
// A convolution is a matrix product (1x1), sums over taps (any shape), lanes of channels (depthwise) or one of
// Winograd's algorithms (3x3), and its gradient by w also a product for each tap: Conv. With operands rounded to
// bfloat16 it is sums of pairs over taps, or one of the others of rounded copies, whichever the machine does faster.
//
// Elementwise passes, sums down columns (vec*.go) and along rows (row*.go, softmax.go) give the same bits at every
// level: they multiply and add in separate steps. Those of an attention head in bfloat16 (attention_bf16_rows.go) do
// not: its products differ between levels anyway.
//
// To the assembly a subnormal number, below 1.2e-38, is 0, as operand and as result (FTZ and DAZ of MXCSR, set and
// reset within each kernel, since Go's code wants them off): one subnormal costs as much as a hundred products, and
// vanishing gradients and decaying moments are full of them. Plain Go, that is the generic level and rests shorter than
// a vector, and NEON keep them except where Flush is cheap; this is the one case in which levels differ beyond
// rounding.
package kern

//go:generate go run -C ../../../internal/asmgen . -family tile -pkg kern -out ../../graph/cpu/kern/tile_amd64.s -stubs ../../graph/cpu/kern/tile_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family pair -pkg kern -out ../../graph/cpu/kern/pair_amd64.s -stubs ../../graph/cpu/kern/pair_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family scatter -pkg kern -out ../../graph/cpu/kern/scatter_amd64.s -stubs ../../graph/cpu/kern/scatter_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family winograd -pkg kern -out ../../graph/cpu/kern/winograd_amd64.s -stubs ../../graph/cpu/kern/winograd_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family vec -pkg kern -out ../../graph/cpu/kern/vec_amd64.s -stubs ../../graph/cpu/kern/vec_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family row -pkg kern -out ../../graph/cpu/kern/row_amd64.s -stubs ../../graph/cpu/kern/row_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family widen -pkg kern -out ../../graph/cpu/kern/widen_amd64.s -stubs ../../graph/cpu/kern/widen_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family block -pkg kern -out ../../graph/cpu/kern/block_amd64.s -stubs ../../graph/cpu/kern/block_stubs_amd64.go
//go:generate go run -C ../../../internal/asmgen . -family attention -pkg kern -out ../../graph/cpu/kern/attention_amd64.s -stubs ../../graph/cpu/kern/attention_stubs_amd64.go

//go:build !noasm

#include "textflag.h"

// The tile of tile.go with 1 to 8 rows and all 8 columns: row i of C is summed in V(2i) and V(2i+1). Offsets into t are those of the struct.
//
//	R0 t  R1 C  R2 ldc  R3 A  R4 rs  R5 cs  R6 B  R7 bs  R8-R15 rows of A  R16 row of B  R17 k left  R19 K  R20 blocks left
//	R21 aoff  R22 boff  V16 V17 row of B  V18-V25 elements of A  V26 V27 row of C  V31 ones

#define BEGIN \
	MOVD t+0(FP), R0       \
	LDP  0(R0), (R1, R2)   \
	LDP  16(R0), (R3, R4)  \
	LDP  32(R0), (R5, R6)  \
	LDP  48(R0), (R7, R19) \
	MOVD 80(R0), R20       \
	LDP  88(R0), (R21, R22)

#define CLEAR(lo, hi) \
	VEOR lo.B16, lo.B16, lo.B16 \
	VEOR hi.B16, hi.B16, hi.B16

// BLOCK points at the block's first elements, ROW at the next row of A.
#define BLOCK \
	MOVD.P 8(R21), R8   \
	ADD    R3, R8       \
	MOVD.P 8(R22), R16  \
	ADD    R6, R16      \
	MOVD   R19, R17

#define ROW(last, next) ADD R4, last, next

#define LOADB VLD1.P (R16)(R7), [V16.S4, V17.S4]

#define MULTIPLY(row, x, lo, hi) \
	VLD1R.P (row)(R5), [x.S4]     \
	VFMLA   x.S4, V16.S4, lo.S4   \
	VFMLA   x.S4, V17.S4, hi.S4

// ADDROW is C += sums: a fused multiply-add with 1 rounds like an addition.
#define ADDROW(lo, hi) \
	VLD1  (R1), [V26.S4, V27.S4]  \
	VFMLA V31.S4, lo.S4, V26.S4   \
	VFMLA V31.S4, hi.S4, V27.S4   \
	VST1  [V26.S4, V27.S4], (R1)  \
	ADD   R2, R1

#define PUTROW(lo, hi) \
	VST1 [lo.S4, hi.S4], (R1) \
	ADD  R2, R1

#define ONES \
	FMOVS $1.0, F31         \
	VDUP  V31.S[0], V31.S4

// func tileNeon1(t *tile)
TEXT ·tileNeon1(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CBZ  R20, sums

block:
	BLOCK
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	RET

add:
	ONES
	ADDROW(V0, V1)
	RET

// func tileNeon2(t *tile)
TEXT ·tileNeon2(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CBZ  R20, sums

block:
	BLOCK
	ROW(R8, R9)
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	MULTIPLY(R9, V19, V2, V3)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	PUTROW(V2, V3)
	RET

add:
	ONES
	ADDROW(V0, V1)
	ADDROW(V2, V3)
	RET

// func tileNeon3(t *tile)
TEXT ·tileNeon3(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CLEAR(V4, V5)
	CBZ  R20, sums

block:
	BLOCK
	ROW(R8, R9)
	ROW(R9, R10)
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	MULTIPLY(R9, V19, V2, V3)
	MULTIPLY(R10, V20, V4, V5)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	PUTROW(V2, V3)
	PUTROW(V4, V5)
	RET

add:
	ONES
	ADDROW(V0, V1)
	ADDROW(V2, V3)
	ADDROW(V4, V5)
	RET

// func tileNeon4(t *tile)
TEXT ·tileNeon4(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CLEAR(V4, V5)
	CLEAR(V6, V7)
	CBZ  R20, sums

block:
	BLOCK
	ROW(R8, R9)
	ROW(R9, R10)
	ROW(R10, R11)
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	MULTIPLY(R9, V19, V2, V3)
	MULTIPLY(R10, V20, V4, V5)
	MULTIPLY(R11, V21, V6, V7)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	PUTROW(V2, V3)
	PUTROW(V4, V5)
	PUTROW(V6, V7)
	RET

add:
	ONES
	ADDROW(V0, V1)
	ADDROW(V2, V3)
	ADDROW(V4, V5)
	ADDROW(V6, V7)
	RET

// func tileNeon5(t *tile)
TEXT ·tileNeon5(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CLEAR(V4, V5)
	CLEAR(V6, V7)
	CLEAR(V8, V9)
	CBZ  R20, sums

block:
	BLOCK
	ROW(R8, R9)
	ROW(R9, R10)
	ROW(R10, R11)
	ROW(R11, R12)
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	MULTIPLY(R9, V19, V2, V3)
	MULTIPLY(R10, V20, V4, V5)
	MULTIPLY(R11, V21, V6, V7)
	MULTIPLY(R12, V22, V8, V9)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	PUTROW(V2, V3)
	PUTROW(V4, V5)
	PUTROW(V6, V7)
	PUTROW(V8, V9)
	RET

add:
	ONES
	ADDROW(V0, V1)
	ADDROW(V2, V3)
	ADDROW(V4, V5)
	ADDROW(V6, V7)
	ADDROW(V8, V9)
	RET

// func tileNeon6(t *tile)
TEXT ·tileNeon6(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CLEAR(V4, V5)
	CLEAR(V6, V7)
	CLEAR(V8, V9)
	CLEAR(V10, V11)
	CBZ  R20, sums

block:
	BLOCK
	ROW(R8, R9)
	ROW(R9, R10)
	ROW(R10, R11)
	ROW(R11, R12)
	ROW(R12, R13)
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	MULTIPLY(R9, V19, V2, V3)
	MULTIPLY(R10, V20, V4, V5)
	MULTIPLY(R11, V21, V6, V7)
	MULTIPLY(R12, V22, V8, V9)
	MULTIPLY(R13, V23, V10, V11)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	PUTROW(V2, V3)
	PUTROW(V4, V5)
	PUTROW(V6, V7)
	PUTROW(V8, V9)
	PUTROW(V10, V11)
	RET

add:
	ONES
	ADDROW(V0, V1)
	ADDROW(V2, V3)
	ADDROW(V4, V5)
	ADDROW(V6, V7)
	ADDROW(V8, V9)
	ADDROW(V10, V11)
	RET

// func tileNeon7(t *tile)
TEXT ·tileNeon7(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CLEAR(V4, V5)
	CLEAR(V6, V7)
	CLEAR(V8, V9)
	CLEAR(V10, V11)
	CLEAR(V12, V13)
	CBZ  R20, sums

block:
	BLOCK
	ROW(R8, R9)
	ROW(R9, R10)
	ROW(R10, R11)
	ROW(R11, R12)
	ROW(R12, R13)
	ROW(R13, R14)
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	MULTIPLY(R9, V19, V2, V3)
	MULTIPLY(R10, V20, V4, V5)
	MULTIPLY(R11, V21, V6, V7)
	MULTIPLY(R12, V22, V8, V9)
	MULTIPLY(R13, V23, V10, V11)
	MULTIPLY(R14, V24, V12, V13)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	PUTROW(V2, V3)
	PUTROW(V4, V5)
	PUTROW(V6, V7)
	PUTROW(V8, V9)
	PUTROW(V10, V11)
	PUTROW(V12, V13)
	RET

add:
	ONES
	ADDROW(V0, V1)
	ADDROW(V2, V3)
	ADDROW(V4, V5)
	ADDROW(V6, V7)
	ADDROW(V8, V9)
	ADDROW(V10, V11)
	ADDROW(V12, V13)
	RET

// func tileNeon8(t *tile)
TEXT ·tileNeon8(SB), NOSPLIT, $0-8
	BEGIN
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CLEAR(V4, V5)
	CLEAR(V6, V7)
	CLEAR(V8, V9)
	CLEAR(V10, V11)
	CLEAR(V12, V13)
	CLEAR(V14, V15)
	CBZ  R20, sums

block:
	BLOCK
	ROW(R8, R9)
	ROW(R9, R10)
	ROW(R10, R11)
	ROW(R11, R12)
	ROW(R12, R13)
	ROW(R13, R14)
	ROW(R14, R15)
	CBZ  R17, next

k:
	LOADB
	MULTIPLY(R8, V18, V0, V1)
	MULTIPLY(R9, V19, V2, V3)
	MULTIPLY(R10, V20, V4, V5)
	MULTIPLY(R11, V21, V6, V7)
	MULTIPLY(R12, V22, V8, V9)
	MULTIPLY(R13, V23, V10, V11)
	MULTIPLY(R14, V24, V12, V13)
	MULTIPLY(R15, V25, V14, V15)
	SUB  $1, R17
	CBNZ R17, k

next:
	SUB  $1, R20
	CBNZ R20, block

sums:
	MOVD 64(R0), R17
	CBNZ R17, add
	PUTROW(V0, V1)
	PUTROW(V2, V3)
	PUTROW(V4, V5)
	PUTROW(V6, V7)
	PUTROW(V8, V9)
	PUTROW(V10, V11)
	PUTROW(V12, V13)
	PUTROW(V14, V15)
	RET

add:
	ONES
	ADDROW(V0, V1)
	ADDROW(V2, V3)
	ADDROW(V4, V5)
	ADDROW(V6, V7)
	ADDROW(V8, V9)
	ADDROW(V10, V11)
	ADDROW(V12, V13)
	ADDROW(V14, V15)
	RET

// func transposeNeon(dst *float32, ldd uintptr, src *float32, lds uintptr)
TEXT ·transposeNeon(SB), NOSPLIT, $0-32
	MOVD  dst+0(FP), R0
	MOVD  ldd+8(FP), R1
	MOVD  src+16(FP), R2
	MOVD  lds+24(FP), R3
	VLD1.P (R2)(R3), [V0.S4]
	VLD1.P (R2)(R3), [V1.S4]
	VLD1.P (R2)(R3), [V2.S4]
	VLD1   (R2), [V3.S4]
	VTRN1 V1.S4, V0.S4, V4.S4
	VTRN2 V1.S4, V0.S4, V5.S4
	VTRN1 V3.S4, V2.S4, V6.S4
	VTRN2 V3.S4, V2.S4, V7.S4
	VTRN1 V6.D2, V4.D2, V0.D2
	VTRN1 V7.D2, V5.D2, V1.D2
	VTRN2 V6.D2, V4.D2, V2.D2
	VTRN2 V7.D2, V5.D2, V3.D2
	VST1.P [V0.S4], (R0)(R1)
	VST1.P [V1.S4], (R0)(R1)
	VST1.P [V2.S4], (R0)(R1)
	VST1   [V3.S4], (R0)
	RET

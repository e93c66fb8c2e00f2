package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The transforms of a 3x3 convolution of stride 2 with the points 0, 1, -1, 2 and infinity. The even rows and columns
// of a patch meet two taps, the odd ones one tap, which has nothing at infinity.
var (
	stridedInput = [2]matrix{
		{
			in: 5, constants: []float64{2},
			groups: append(stridedFinite, group{[]int{4}, func(e emitter, in func(int) Op, o []VecPhysical,
				t VecPhysical) {
				mov(in(4), o[0])
				sub(in(2), o[0])
				mov(in(3), t)
				sub(in(1), t)
				submul(t, e.k(2), o[0])
			}}),
		},
		{in: 4, constants: []float64{2}, groups: stridedFinite},
	}
	stridedFinite = []group{
		{[]int{1, 2}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
			mov(in(3), o[0])
			sub(in(2), o[0])
			mov(in(1), t)
			sub(in(2), t)
			mov(o[0], o[1])
			submul(in(1), e.k(2), o[0])
			addmul(t, e.k(2), o[1])
		}},
		{[]int{0, 3}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
			mov(in(3), o[1])
			sub(in(1), o[1])
			mov(in(0), t)
			sub(in(2), t)
			mov(o[1], o[0])
			addmul(t, e.k(2), o[0])
		}},
	}

	stridedOutput   = [2]matrix{stridedSums(5), stridedSums(4)}
	stridedGradient = matrix{
		in: 4, constants: []float64{4, 2, 8},
		groups: []group{
			patchAtOnes,
			{[]int{0, 4}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(0), o[0])
				mov(in(3), o[1])
			}},
			{[]int{3}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(0), o[0])
				addmul(in(1), e.k(2), o[0])
				addmul(in(2), e.k(4), o[0])
				addmul(in(3), e.k(8), o[0])
			}},
		},
	}

	stridedFilter = [2]matrix{
		{
			in: 2, constants: []float64{1. / 2, -1. / 2, 1. / 3, 1. / 6},
			groups: []group{
				{[]int{0, 1}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
					mul(in(0), e.k(1./2), o[0])
					mul(in(0), e.k(-1./2), o[1])
					submul(in(1), e.k(1./2), o[1])
				}},
				{[]int{2, 3}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
					mul(in(1), e.k(1./6), o[0])
					submul(in(0), e.k(1./6), o[0])
					mul(in(0), e.k(1./6), o[1])
					addmul(in(1), e.k(1./3), o[1])
				}},
				{[]int{4}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
					mov(in(1), o[0])
				}},
			},
		},
		{
			in: 1, constants: []float64{1. / 2, -1. / 2, -1. / 6, 1. / 6},
			groups: []group{
				{[]int{0, 1}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
					mul(in(0), e.k(1./2), o[0])
					mul(in(0), e.k(-1./2), o[1])
				}},
				{[]int{2, 3}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
					mul(in(0), e.k(-1./6), o[0])
					mul(in(0), e.k(1./6), o[1])
				}},
			},
		},
	}

	stridedWeights = [2]matrix{
		{
			in: 5, constants: []float64{1. / 2, 1. / 3, 1. / 6},
			groups: []group{
				stridedFirst,
				{[]int{1}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
					mov(in(4), o[0])
					submul(in(1), e.k(1./2), o[0])
					addmul(in(2), e.k(1./6), o[0])
					addmul(in(3), e.k(1./3), o[0])
				}},
			},
		},
		{in: 4, constants: []float64{1. / 2, 1. / 6}, groups: []group{stridedFirst}},
	}
	stridedFirst = group{[]int{0}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
		mov(in(0), t)
		sub(in(1), t)
		mul(t, e.k(1./2), o[0])
		mov(in(3), t)
		sub(in(2), t)
		addmul(t, e.k(1./6), o[0])
	}}
)

// stridedSums takes 5 points, or the 4 finite ones, to 4 outputs.
func stridedSums(points int) matrix {
	return matrix{
		in: points, constants: []float64{4, 2, 8},
		groups: []group{
			{[]int{0, 2}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(1), o[1])
				add(in(2), o[1])
				mov(in(0), t)
				add(in(3), t)
				VADDPS(t, o[1], o[0])
				addmul(in(3), e.k(4), o[1])
			}},
			{[]int{1, 3}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(1), o[1])
				sub(in(2), o[1])
				mov(o[1], o[0])
				addmul(in(3), e.k(2), o[0])
				addmul(in(3), e.k(8), o[1])
				if points == 5 {
					add(in(4), o[1])
				}
			}},
		},
	}
}

// stridedTransforms are those of the four parts of a patch: even (E) and odd (O) rows, then columns.
func stridedTransforms() (all []transform) {
	parts := func(name, doc string, m [2]matrix) {
		for row, r := range "EO" {
			for column, c := range "EO" {
				all = append(all, transform{name + string(r) + string(c), doc, m[row], m[column]})
			}
		}
	}
	parts("stridedInput", "one part of a patch of x, or dy, to its points", stridedInput)
	parts("stridedOutput", "the points of one part to 4x4 elements of y, or dx", stridedOutput)
	all = append(all, square("stridedGradient", "the 4x4 patch of dy to 25 points, the adjoint of stridedOutputEE",
		stridedGradient))
	parts("stridedFilter", "the weights of one part to its points", stridedFilter)
	parts("stridedWeights", "points to the gradient by one part's weights, the adjoint of stridedFilter",
		stridedWeights)
	return all
}

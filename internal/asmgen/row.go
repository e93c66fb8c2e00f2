package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// The kernels of this family are elementwise passes with scalars (optimiser steps, moving averages, layer norm), and
// sums along a row. They multiply and add in separate instructions, as the plain Go beside them does.

var rowPasses = []pass{
	{"scale", "y = s*x", []string{"x"}, []string{"s"}, nil, func(w width, in []Op) {
		VMULPS(in[0], w.r(15), w.r(0))
	}},
	{"affine", "y = s*x + t", []string{"x"}, []string{"s", "t"}, nil, func(w width, in []Op) {
		VMULPS(in[0], w.r(15), w.r(0))
		VADDPS(w.r(14), w.r(0), w.r(0))
	}},
	{"mix", "y = s*a + t*b", []string{"a", "b"}, []string{"s", "t"}, nil, func(w width, in []Op) {
		VMULPS(in[0], w.r(15), w.r(0))
		VMULPS(in[1], w.r(14), w.r(1))
		VADDPS(w.r(1), w.r(0), w.r(0))
	}},
	{"mixSquare", "y = s*a + t*b*b", []string{"a", "b"}, []string{"s", "t"}, nil, func(w width, in []Op) {
		VMOVUPS(in[1], w.r(2))
		VMULPS(w.r(2), w.r(14), w.r(1))
		VMULPS(w.r(2), w.r(1), w.r(1))
		VMULPS(in[0], w.r(15), w.r(0))
		VADDPS(w.r(1), w.r(0), w.r(0))
	}},
	{"multiply", "y = a*b", []string{"a", "b"}, nil, nil, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[1], w.r(0), w.r(0))
	}},
	{"subtract", "y = a - b", []string{"a", "b"}, nil, nil, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VSUBPS(in[1], w.r(0), w.r(0))
	}},
	{"momentum", "y = mu*m + ratio*(dp + wd*p)", []string{"m", "dp", "p"}, []string{"mu", "ratio", "wd"}, nil,
		func(w width, in []Op) {
			VMULPS(in[2], w.r(13), w.r(1))
			VADDPS(in[1], w.r(1), w.r(1))
			VMULPS(w.r(1), w.r(14), w.r(1))
			VMULPS(in[0], w.r(15), w.r(0))
			VADDPS(w.r(1), w.r(0), w.r(0))
		}},
	{"nesterov", "y = p - lr*(ratio*(dp + wd*p) + mu*m)", []string{"p", "m", "dp"}, []string{"mu", "ratio", "wd", "lr"},
		nil, func(w width, in []Op) {
			VMOVUPS(in[0], w.r(0))
			VMULPS(w.r(0), w.r(13), w.r(1))
			VADDPS(in[2], w.r(1), w.r(1))
			VMULPS(w.r(1), w.r(14), w.r(1))
			VMULPS(in[1], w.r(15), w.r(2))
			VADDPS(w.r(2), w.r(1), w.r(1))
			VMULPS(w.r(1), w.r(12), w.r(1))
			VSUBPS(w.r(1), w.r(0), w.r(0))
		}},
	{"adam", "y = keep*p - rate*m/(root*sqrt(v) + eps)", []string{"p", "m", "v"}, []string{"keep", "rate", "root",
		"eps"}, nil, func(w width, in []Op) {
		VSQRTPS(in[2], w.r(2))
		VMULPS(w.r(2), w.r(13), w.r(2))
		VADDPS(w.r(12), w.r(2), w.r(2))
		VMULPS(in[1], w.r(14), w.r(1))
		VDIVPS(w.r(2), w.r(1), w.r(1))
		VMULPS(in[0], w.r(15), w.r(0))
		VSUBPS(w.r(1), w.r(0), w.r(0))
	}},
	{"norm", "y = (x - mean)*rstd*gamma + beta", []string{"x", "gamma", "beta"}, []string{"mean", "rstd"}, nil,
		func(w width, in []Op) {
			ahead(in[0])
			VMOVUPS(in[0], w.r(0))
			VSUBPS(w.r(15), w.r(0), w.r(0))
			VMULPS(w.r(14), w.r(0), w.r(0))
			VMULPS(in[1], w.r(0), w.r(0))
			VADDPS(in[2], w.r(0), w.r(0))
		}},
	{"normGrad", "y = rstd*(dy*gamma - a - (x - mean)*b)", []string{"dy", "x", "gamma"}, []string{"mean", "rstd", "a",
		"b"}, nil, func(w width, in []Op) {
		ahead(in[0], in[1])
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[2], w.r(0), w.r(0))
		VSUBPS(w.r(13), w.r(0), w.r(0))
		VMOVUPS(in[1], w.r(1))
		VSUBPS(w.r(15), w.r(1), w.r(1))
		VMULPS(w.r(12), w.r(1), w.r(1))
		VSUBPS(w.r(1), w.r(0), w.r(0))
		VMULPS(w.r(14), w.r(0), w.r(0))
	}},
	{"addNormed", "y = q + dy*((x - mean)*rstd)", []string{"q", "dy", "x"}, []string{"mean", "rstd"}, nil,
		func(w width, in []Op) {
			VMOVUPS(in[2], w.r(1))
			VSUBPS(w.r(15), w.r(1), w.r(1))
			VMULPS(w.r(14), w.r(1), w.r(1))
			VMULPS(in[1], w.r(1), w.r(1))
			VADDPS(in[0], w.r(1), w.r(0))
		}},
	{"softmaxGrad", "y = s*p*(d - mean)", []string{"p", "d"}, []string{"s", "mean"}, nil, func(w width, in []Op) {
		VMULPS(in[0], w.r(15), w.r(0))
		VMOVUPS(in[1], w.r(1))
		VSUBPS(w.r(14), w.r(1), w.r(1))
		VMULPS(w.r(1), w.r(0), w.r(0))
	}},
}

func rows() {
	for _, p := range rowPasses {
		for _, w := range widths {
			p.emit(w, "", nil)
		}
	}
	tails, lowest := rowConstants()
	for _, s := range rowSums {
		for _, w := range widths {
			s.emit(w, tails, lowest)
		}
	}
}

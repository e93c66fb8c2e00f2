// Package driver runs the CUDA backend on real GPUs, by gorgonia.org/cu and a few calls of the driver that it lacks.
//
// It is built with -tags gpu and cgo, and command tools/cuda says with which flags; without them it has nothing in it.
// The tag is not called cuda: Gorgonia itself has a tag of this name, which wants cuBLAS and cuDNN.
package driver

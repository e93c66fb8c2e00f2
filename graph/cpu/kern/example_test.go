package kern_test

import (
	"fmt"

	"selfsup/graph/cpu/kern"
)

func ExampleGemm() {
	a := []float32{1, 2, 3, 4, 5, 6} // [2,3]
	b := []float32{1, 0, 1, 0, 1, 1} // [2,3], used transposed
	c := make([]float32, 4)          // [2,2]
	scratch := make([]float32, kern.GemmScratch(false, true, 2, 2, 3))
	kern.Gemm(false, true, 2, 2, 3, a, 3, b, 3, c, 2, 0, scratch)
	fmt.Println(c)
	// Output: [4 5 10 11]
}

func ExampleConv() {
	c := kern.Conv{B: 1, H: 3, W: 3, Ci: 1, KH: 2, KW: 2, Co: 1, SH: 1, SW: 1, OH: 2, OW: 2}
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9} // [1,3,3,1]
	w := []float32{1, 0, 0, 1}                // [2,2,1,1]
	y := make([]float32, 4)                   // [1,2,2,1]
	c.Forward(x, w, y, make([]float32, c.ForwardScratch()))
	fmt.Println(y)
	// Output: [6 8 12 14]
}

func ExampleRun() {
	squares := make([]int, 5)
	kern.Run(len(squares), func(i int) { squares[i] = i * i })
	fmt.Println(squares)
	// Output: [0 1 4 9 16]
}

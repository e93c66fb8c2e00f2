// Command asmgen writes the amd64 assembly of selfsup/graph/cpu/kern and selfsup/datasets/raster with avo.
//
// It is a module of its own so that users of selfsup never download avo. Run it through `go generate` in the kern
// package.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	family := flag.String("family", "", "what to generate: tile, pair, scatter, winograd, vec, row, block, "+
		"widen, attention or raster")
	flag.Parse() // avo's own flags: -out, -stubs, -pkg
	ConstraintExpr("!noasm")
	if *family == "raster" {
		raster()
		Generate()
		return
	}
	floatControls()
	switch *family {
	case "tile":
		for mr := 1; mr <= 14; mr++ {
			tileAVX512(mr, 2)
			tileAVX512(mr, 1)
		}
		for mr := 1; mr <= 6; mr++ {
			tileAVX2(mr)
		}
		transposeAVX512()
		transposeAVX2()
		addAVX512()
		addAVX2()
		depthAVX512()
		depthAVX2()
		moveRows()
		prefetchRows()
		pause()
	case "pair":
		pairs()
	case "scatter":
		scatterAVX512()
	case "winograd":
		for _, tr := range append(denseTransforms, stridedTransforms()...) {
			tr.emit(widthAVX512)
			tr.emit(widthAVX2)
		}
	case "vec":
		vecs()
	case "block":
		blocks()
	case "widen":
		widens()
	case "attention":
		attentions()
	case "row":
		rows()
	default:
		fmt.Fprintf(os.Stderr, "asmgen: family %q is not one of tile, pair, scatter, winograd, vec, row, block, "+
			"widen, attention, raster\n", *family)
		os.Exit(2)
	}
	Generate()
}

//go:build !noasm

package kern

var passes = [...]passTable{
	generic: {},
	avx2: {8, relu256, gelu256, reluGrad256, geluGrad256, addPass256, addRelu256, scaleShift256, scaleShiftRelu256,
		scaleShiftRows256, scaleShiftReluRows256, scaleShiftAdd256, scaleShiftAddRelu256, combine256, combineRelu256},
	avx512: {16, relu512, gelu512, reluGrad512, geluGrad512, addPass512, addRelu512, scaleShift512, scaleShiftRelu512,
		scaleShiftRows512, scaleShiftReluRows512, scaleShiftAdd512, scaleShiftAddRelu512, combine512, combineRelu512},
}

var halfPasses = halfTable{
	reluGrad: reluGradHalf512, scaleShift: scaleShiftHalf512, scaleShiftRelu: scaleShiftReluHalf512,
	combine: combineHalf512, combineRelu: combineReluHalf512, combineHalves: combineHalves512,
	combineReluHalves:     combineReluHalves512,
	scaleShiftAddReluHalf: scaleShiftAddReluHalf512, scaleShiftAddReluHalves: scaleShiftAddReluHalves512,
	gelu: geluHalf512, lookup: lookup512, lookupTimes: lookupTimes512,
}

// Direct calls: what lies on the caller's stack would escape through the table.

func exps(l level, y, x *float32, n uintptr, top float32) {
	if l == avx512 {
		expPass512(y, x, n, top)
	} else {
		expPass256(y, x, n, top)
	}
}

func giveLargestAt(dx, x, d *float32, places *int, k, n uintptr) {
	giveLargest256(dx, x, d, places, k, n)
}

func columnSum(lanes int, s *stripSums, x []float32, c, n int) {
	switch lanes {
	case maxLanes:
		columnSum512x4(&s[0], &x[0], bytes(c), uintptr(n))
	case 32:
		columnSum256x4(&s[0], &x[0], bytes(c), uintptr(n))
	case 16:
		columnSum512(&s[0], &x[0], bytes(c), uintptr(n))
	case 8:
		columnSum256(&s[0], &x[0], bytes(c), uintptr(n))
	default:
		columnSum4(s, x, c, n)
	}
}

func columnSpread(lanes int, s, q *stripSums, x, pivot []float32, c, n int) {
	switch lanes {
	case maxLanes:
		columnSpread512x4(&s[0], &q[0], &x[0], &pivot[0], bytes(c), uintptr(n))
	case 32:
		columnSpread256x4(&s[0], &q[0], &x[0], &pivot[0], bytes(c), uintptr(n))
	case 16:
		columnSpread512(&s[0], &q[0], &x[0], &pivot[0], bytes(c), uintptr(n))
	case 8:
		columnSpread256(&s[0], &q[0], &x[0], &pivot[0], bytes(c), uintptr(n))
	default:
		columnSpread4(s, q, x, pivot, c, n)
	}
}

func columnCentred(lanes int, s, q *stripSums, dy, x, mean []float32, c, n int) {
	switch lanes {
	case maxLanes:
		columnCentred512x4(&s[0], &q[0], &dy[0], &x[0], &mean[0], bytes(c), uintptr(n))
	case 32:
		columnCentred256x4(&s[0], &q[0], &dy[0], &x[0], &mean[0], bytes(c), uintptr(n))
	case 16:
		columnCentred512(&s[0], &q[0], &dy[0], &x[0], &mean[0], bytes(c), uintptr(n))
	case 8:
		columnCentred256(&s[0], &q[0], &dy[0], &x[0], &mean[0], bytes(c), uintptr(n))
	default:
		columnCentred4(s, q, dy, x, mean, c, n)
	}
}

func columnCentredRelu(lanes int, s, q *stripSums, dy, x, mean, a, b []float32, c, n int) {
	switch lanes {
	case maxLanes:
		columnCentredRelu512x4(&s[0], &q[0], &dy[0], &x[0], &mean[0], &a[0], &b[0], bytes(c), uintptr(n))
	case 32:
		columnCentredRelu256x4(&s[0], &q[0], &dy[0], &x[0], &mean[0], &a[0], &b[0], bytes(c), uintptr(n))
	case 16:
		columnCentredRelu512(&s[0], &q[0], &dy[0], &x[0], &mean[0], &a[0], &b[0], bytes(c), uintptr(n))
	case 8:
		columnCentredRelu256(&s[0], &q[0], &dy[0], &x[0], &mean[0], &a[0], &b[0], bytes(c), uintptr(n))
	default:
		columnCentredRelu4(s, q, dy, x, mean, a, b, c, n)
	}
}

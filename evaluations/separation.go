package evaluations

import "slices"

// separation says how well scores tell one set, whose scores should be larger, from another: the area under the curve
// of true by false positives, which is the share of pairs that are in the right order, of equal ones the half (Mann and
// Whitney 1947); and the share of the other set that is taken for the first by the threshold at which 95 % of the first
// are.
func separation(own, other []float64) (auroc, fpr95 float64) {
	own, other = slices.Sorted(slices.Values(own)), slices.Sorted(slices.Values(other))
	below, upTo := 0, 0 // of the other scores: less than, and at most
	var pairs float64
	for _, v := range own {
		for below < len(other) && other[below] < v {
			below++
		}
		for upTo = max(upTo, below); upTo < len(other) && other[upTo] <= v; upTo++ {
		}
		pairs += float64(below) + float64(upTo-below)/2
	}
	threshold := own[len(own)-(95*len(own)+99)/100]
	at, _ := slices.BinarySearch(other, threshold)
	return pairs / float64(len(own)) / float64(len(other)), float64(len(other)-at) / float64(len(other))
}

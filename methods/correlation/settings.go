package correlation

import "selfsup/setting"

// weight is a number of the settings, which a recipe gives under a key.
type weight struct {
	key   string
	value float64
}

// checkWeights says which number is below 0, or none.
func checkWeights(ws ...weight) error {
	for _, w := range ws {
		if !(w.value >= 0) {
			return setting.Bad(w.key, "%v: want a weight of 0 or more", w.value)
		}
	}
	return nil
}

// checkAbove says which number is not above 0.
func checkAbove(ws ...weight) error {
	for _, w := range ws {
		if !(w.value > 0) {
			return setting.Bad(w.key, "%v: want a number above 0", w.value)
		}
	}
	return nil
}

package setting

// Positive says what is wrong with a number under a key that must be above 0, such as a temperature.
func Positive(key string, v float64) error {
	if !(v > 0) {
		return Bad(key, "%v: want a number above 0", v)
	}
	return nil
}

// Weight says what is wrong with the weight of a term under a key.
func Weight(key string, v float64) error {
	if !(v >= 0) {
		return Bad(key, "%v: want a weight of 0 or more", v)
	}
	return nil
}

// Within says what is wrong with a number under a key that must be from low to high.
func Within(key string, v, low, high float64) error {
	if !(v >= low && v <= high) {
		return Bad(key, "%v: want a number from %v to %v", v, low, high)
	}
	return nil
}

// Least says what is wrong with a count under a key.
func Least(key string, n, least int) error {
	if n < least {
		return Bad(key, "%d: want at least %d", n, least)
	}
	return nil
}

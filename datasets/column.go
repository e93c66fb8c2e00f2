package datasets

// Column is a feature of a table.
type Column struct {
	Name       string
	Categories []string // of the training rows, sorted; nil: the column is numeric
	Percent    bool     // the numbers have a percent sign: 5% is 5
	Missing    int      // training rows that have no value
	// test rows whose category no training row has, which counts as missing, or that miss a number that no training
	// row misses, which then has the mean
	Unseen int
	// where the first of them is, and what it holds: test.csv:7 "green"
	FirstUnseen string
	Mean, Std   float64 // of the numbers of the training rows; Std is 0 where they are all alike
}

// Standardise turns a number of the column into deviations from the mean; a column that does not vary gives 0, a
// missing value NaN.
func (c *Column) Standardise(v float64) float64 {
	if c.Std == 0 {
		return 0 * v
	}
	return (v - c.Mean) / c.Std
}

package views

// Solarize inverts the values from threshold on; threshold 1 is full scale.
func Solarize(p Pixels, threshold float32) {
	for i, v := range p.Pix {
		if v >= threshold {
			p.Pix[i] = 1 - v
		}
	}
}

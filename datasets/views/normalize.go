package views

// Normalize subtracts the mean and divides by the standard deviation of each channel.
func Normalize(p Pixels, mean, std []float32) {
	if p.C == 1 {
		m, s := mean[0], 1/std[0]
		for i, v := range p.Pix {
			p.Pix[i] = (v - m) * s
		}
		return
	}
	m0, m1, m2 := mean[0], mean[1], mean[2]
	s0, s1, s2 := 1/std[0], 1/std[1], 1/std[2]
	for i := 0; i+2 < len(p.Pix); i += 3 {
		q := p.Pix[i : i+3 : i+3]
		q[0], q[1], q[2] = (q[0]-m0)*s0, (q[1]-m1)*s1, (q[2]-m2)*s2
	}
}

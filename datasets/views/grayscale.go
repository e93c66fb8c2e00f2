package views

// Grayscale gives every channel the luma 0.2989 R + 0.587 G + 0.114 B; a grey image stays as it is.
func Grayscale(p Pixels) {
	if p.C != 3 {
		return
	}
	for i := 0; i+2 < len(p.Pix); i += 3 {
		q := p.Pix[i : i+3 : i+3]
		v := gray(q[0], q[1], q[2])
		q[0], q[1], q[2] = v, v, v
	}
}

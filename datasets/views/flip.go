package views

// Flip mirrors left and right.
func Flip(p Pixels) {
	n := p.W * p.C
	for y := range p.H {
		row := p.Pix[y*n : (y+1)*n]
		for i, j := 0, n-p.C; i < j; i, j = i+p.C, j-p.C {
			for c := range p.C {
				row[i+c], row[j+c] = row[j+c], row[i+c]
			}
		}
	}
}

package views

// Sharpness moves every pixel away from a smoothed image by factor and clips to [0,1]: 0 is the smoothed image, 1
// changes nothing. It is smoothed by [1 1 1; 1 5 1; 1 1 1] / 13; the border stays as it is.
func (b *Blurrer) Sharpness(p Pixels, factor float32) {
	n := p.W * p.C
	b.tmp = grow(b.tmp, len(p.Pix))
	copy(b.tmp, p.Pix)
	if p.H < 3 || p.W < 3 {
		return
	}
	const w = float32(1) / 13
	for y := 1; y < p.H-1; y++ {
		above, here, below := b.tmp[(y-1)*n:y*n], b.tmp[y*n:(y+1)*n], b.tmp[(y+1)*n:(y+2)*n]
		out := p.Pix[y*n : (y+1)*n]
		for i := p.C; i < n-p.C; i++ {
			l, r := i-p.C, i+p.C
			sum := above[l] + above[i] + above[r] + here[l] + here[r] + below[l] + below[i] + below[r]
			out[i] = clip(factor*here[i] + (1-factor)*(w*sum+5*w*here[i]))
		}
	}
}

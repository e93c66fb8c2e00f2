package views

// Brightness multiplies by factor and clips to [0,1].
func Brightness(p Pixels, factor float32) {
	for i, v := range p.Pix {
		p.Pix[i] = clip(factor * v)
	}
}

// Contrast moves every pixel away from the mean of the gray image by factor and clips to [0,1].
func Contrast(p Pixels, factor float32) {
	// Accumulated in float64: the sum depends on no blocking.
	var sum float64
	if p.C == 3 {
		for i := 0; i+2 < len(p.Pix); i += 3 {
			sum += float64(gray(p.Pix[i], p.Pix[i+1], p.Pix[i+2]))
		}
	} else {
		for _, v := range p.Pix {
			sum += float64(v)
		}
	}
	rest := (1 - factor) * float32(sum/float64(p.H*p.W))
	for i, v := range p.Pix {
		p.Pix[i] = clip(factor*v + rest)
	}
}

// Saturation moves every pixel away from its gray by factor and clips to [0,1]; a grey image stays as it is.
func Saturation(p Pixels, factor float32) {
	if p.C != 3 {
		return
	}
	for i := 0; i+2 < len(p.Pix); i += 3 {
		q := p.Pix[i : i+3 : i+3]
		rest := (1 - factor) * gray(q[0], q[1], q[2])
		q[0], q[1], q[2] = clip(factor*q[0]+rest), clip(factor*q[1]+rest), clip(factor*q[2]+rest)
	}
}

// Hue turns the colour circle of HSV by shift turns, -0.5 to 0.5; a grey image stays as it is. Values have to be in [0,1].
func Hue(p Pixels, shift float32) {
	if p.C != 3 {
		return
	}
	for i := 0; i+2 < len(p.Pix); i += 3 {
		q := p.Pix[i : i+3 : i+3]
		h, s, v := hsv(q[0], q[1], q[2])
		q[0], q[1], q[2] = rgb(fraction(h+shift+1), s, v)
	}
}

// hsv is the hue in turns [0,1), the saturation and the value of a colour.
func hsv(r, g, b float32) (h, s, v float32) {
	v = max(r, g, b)
	d := v - min(r, g, b)
	if d == 0 {
		return 0, 0, v
	}
	switch v {
	case r:
		h = (g - b) / d
	case g:
		h = 2 + (b-r)/d
	default:
		h = 4 + (r-g)/d
	}
	return fraction(h/6 + 1), d / v, v
}

// rgb undoes hsv; h in [0,1).
func rgb(h, s, v float32) (r, g, b float32) {
	h *= 6
	sector := int(h)
	f := h - float32(sector)
	p, q, t := clip(v*(1-s)), clip(v*(1-s*f)), clip(v*(1-s*(1-f)))
	switch sector {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}

// fraction is v without its whole part; v is not negative.
func fraction(v float32) float32 { return v - float32(int(v)) }

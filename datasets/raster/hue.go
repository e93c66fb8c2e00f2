package raster

// Hue turns the colour circle of HSV by shift turns, -0.5 to 0.5. Values have to be in [0,1].
func Hue(p []float32, shift float32) {
	for i := 3 * hueFast(p, shift); i+2 < len(p); i += 3 {
		q := p[i : i+3 : i+3]
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
	p, q, t := Clip(v*(1-s)), Clip(v*(1-s*f)), Clip(v*(1-s*(1-f)))
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

package views

// Invert is 1 - v.
func Invert(p Pixels) {
	for i, v := range p.Pix {
		p.Pix[i] = 1 - v
	}
}

// Posterize keeps the highest bits (1 to 8) of the grey level, rounded to one of 256.
func Posterize(p Pixels, bits int) {
	mask := byte(0xff) << (8 - bits)
	for i, v := range p.Pix {
		p.Pix[i] = float32(level(v)&mask) / 255
	}
}

// Autocontrast stretches every channel to [0,1]; a constant channel stays as it is.
func Autocontrast(p Pixels) {
	for c := range p.C {
		lo, hi := p.Pix[c], p.Pix[c]
		for i := c; i < len(p.Pix); i += p.C {
			lo, hi = min(lo, p.Pix[i]), max(hi, p.Pix[i])
		}
		if lo == hi {
			continue
		}
		scale := 1 / (hi - lo)
		for i := c; i < len(p.Pix); i += p.C {
			p.Pix[i] = clip((p.Pix[i] - lo) * scale)
		}
	}
}

// Equalize gives every channel a flat histogram over 256 grey levels, to which it rounds: the integer arithmetic of
// PIL's ImageOps.equalize. A channel of one level stays as it is.
func Equalize(p Pixels) {
	for c := range p.C {
		var count, table [256]int
		last := 0
		for i := c; i < len(p.Pix); i += p.C {
			b := level(p.Pix[i])
			count[b]++
			last = max(last, int(b))
		}
		step := (p.H*p.W - count[last]) / 255
		if step == 0 {
			continue
		}
		n := step / 2
		for b, k := range count {
			table[b] = min(n/step, 255)
			n += k
		}
		for i := c; i < len(p.Pix); i += p.C {
			p.Pix[i] = float32(table[level(p.Pix[i])]) / 255
		}
	}
}

// level is the nearest of 256 grey levels.
func level(v float32) byte { return byte(clip(v)*255 + 0.5) }

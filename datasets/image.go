package datasets

// Image is 8-bit pixels [H,W,C], interleaved; C is 1 (grey) or 3 (red, green, blue).
type Image struct {
	H, W, C int
	Pix     []byte
}

// Reshape gives the image a shape, keeping its memory where it is large enough.
func (m *Image) Reshape(h, w, c int) {
	m.H, m.W, m.C = h, w, c
	if n := h * w * c; cap(m.Pix) < n {
		m.Pix = make([]byte, n)
	} else {
		m.Pix = m.Pix[:n]
	}
}

// Convert gives the image c channels in place: grey is Rec. 601 luma in PIL's fixed point, colour is grey three times.
func (m *Image) Convert(c int) {
	if m.C == c {
		return
	}
	n := m.H * m.W
	if c == 1 {
		for i := range n {
			r, g, b := int(m.Pix[3*i]), int(m.Pix[3*i+1]), int(m.Pix[3*i+2])
			m.Pix[i] = byte((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
		}
		m.C, m.Pix = 1, m.Pix[:n]
		return
	}
	grey := m.Pix
	m.Reshape(m.H, m.W, 3)
	for i := n - 1; i >= 0; i-- {
		v := grey[i]
		m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = v, v, v
	}
}

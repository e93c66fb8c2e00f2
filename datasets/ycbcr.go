package datasets

import "image"

// chroma holds one row of upsampled chroma.
type chroma struct{ cb, cr []byte }

// fill converts to RGB. Chroma sampled at half the rate is interpolated as libjpeg's and libwebp's default ("fancy" upsampling) does: a
// triangle filter, 3/4 the nearer and 1/4 the farther sample along each axis. studio is the range of WebP: luma 16 to 235.
func (c *chroma) fill(dst *Image, m *image.YCbCr, studio bool) {
	w, h := dst.W, dst.H
	half, rows := (w+1)/2, (h+1)/2
	if len(c.cb) < 2*half {
		c.cb, c.cr = make([]byte, 2*half), make([]byte, 2*half)
	}
	for y := range h {
		cb, cr := c.cb, c.cr
		switch m.SubsampleRatio {
		case image.YCbCrSubsampleRatio444:
			cb, cr = m.Cb[y*m.CStride:], m.Cr[y*m.CStride:]
		case image.YCbCrSubsampleRatio422:
			at := y * m.CStride
			widen(cb, m.Cb[at:at+half], m.Cb[at:at+half])
			widen(cr, m.Cr[at:at+half], m.Cr[at:at+half])
		case image.YCbCrSubsampleRatio420:
			near := y / 2
			far := min(max(near-1+2*(y&1), 0), rows-1)
			n, f := near*m.CStride, far*m.CStride
			if half <= 2 { // too narrow for libjpeg
				f = n
			}
			widen(cb, m.Cb[n:n+half], m.Cb[f:f+half])
			widen(cr, m.Cr[n:n+half], m.Cr[f:f+half])
		default: // 4:4:0, 4:1:1, 4:1:0: the nearest
			for x := range w {
				at := m.COffset(x, y)
				cb[x], cr[x] = m.Cb[at], m.Cr[at]
			}
		}
		to, luma := dst.Pix[3*y*w:3*(y+1)*w], m.Y[y*m.YStride:y*m.YStride+w]
		if studio {
			studioRow(to, luma, cb, cr)
		} else {
			jfifRow(to, luma, cb, cr)
		}
	}
}

// widen doubles a row of chroma: near is the row of samples, far the one beyond it (the same row where chroma is not sampled down).
// The rounding is libjpeg's h2v1 and h2v2.
func widen(dst, near, far []byte) {
	n := len(near)
	far, dst = far[:n], dst[:2*n]
	if n <= 2 {
		for i, v := range near {
			dst[2*i], dst[2*i+1] = v, v
		}
		return
	}
	if &near[0] == &far[0] {
		before, here := int(near[0]), int(near[0])
		for i := range n {
			after := here
			if i+1 < n {
				after = int(near[i+1])
			}
			dst[2*i], dst[2*i+1] = byte((3*here+before+1)>>2), byte((3*here+after+2)>>2)
			before, here = here, after
		}
		return
	}
	here := 3*int(near[0]) + int(far[0])
	before := here
	for i := range n {
		after := here
		if i+1 < n {
			after = 3*int(near[i+1]) + int(far[i+1])
		}
		dst[2*i], dst[2*i+1] = byte((3*here+before+8)>>4), byte((3*here+after+7)>>4)
		before, here = here, after
	}
}

// jfifRow is the conversion of JFIF 1.02, p. 3, in 16-bit fixed point.
func jfifRow(dst, luma, cb, cr []byte) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	for x, v := range luma {
		y, b, r := int32(v), int32(cb[x])-128, int32(cr[x])-128
		to := dst[3*x : 3*x+3 : 3*x+3]
		to[0] = clamp(y + (91881*r+1<<15)>>16)
		to[1] = clamp(y + (-22554*b-46802*r+1<<15)>>16)
		to[2] = clamp(y + (116130*b+1<<15)>>16)
	}
}

// studioRow is the conversion of ITU-R BT.601 from luma 16 to 235 and chroma 16 to 240, in 16-bit fixed point.
func studioRow(dst, luma, cb, cr []byte) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	for x, v := range luma {
		y, b, r := 76309*(int32(v)-16)+1<<15, int32(cb[x])-128, int32(cr[x])-128
		to := dst[3*x : 3*x+3 : 3*x+3]
		to[0] = clamp((y + 104597*r) >> 16)
		to[1] = clamp((y - 25675*b - 53279*r) >> 16)
		to[2] = clamp((y + 132201*b) >> 16)
	}
}

func clamp(v int32) byte {
	if uint32(v) > 255 {
		v = ^(v >> 31)
	}
	return byte(v)
}

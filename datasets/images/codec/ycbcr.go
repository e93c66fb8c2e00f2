package codec

import (
	"image"

	"selfsup/datasets"
	"selfsup/datasets/raster"
	"selfsup/datasets/resample"
)

// chroma holds one row of upsampled chroma.
type chroma struct{ cb, cr []byte }

// fill converts the pixels of box to RGB. Chroma sampled at half the rate is interpolated as libjpeg's and libwebp's
// default ("fancy" upsampling) does: a triangle filter, 3/4 the nearer and 1/4 the farther sample along each axis.
// studio is the range of WebP: luma 16 to 235.
func (c *chroma) fill(dst *datasets.Image, m *image.YCbCr, studio bool, box resample.Box) {
	w, h := dst.W, dst.H
	half, rows := (w+1)/2, (h+1)/2
	if len(c.cb) < 2*half {
		c.cb, c.cr = make([]byte, 2*half), make([]byte, 2*half)
	}
	left, right := box.Left, box.Left+box.Width
	from, end := left/2, (right+1)/2 // of chroma at half the rate
	for y := box.Top; y < box.Top+box.Height; y++ {
		cb, cr := c.cb, c.cr
		switch m.SubsampleRatio {
		case image.YCbCrSubsampleRatio444:
			cb, cr = m.Cb[y*m.CStride:], m.Cr[y*m.CStride:]
		case image.YCbCrSubsampleRatio422:
			at := y * m.CStride
			widen(cb, m.Cb[at:at+half], from, end)
			widen(cr, m.Cr[at:at+half], from, end)
		case image.YCbCrSubsampleRatio420:
			near := y / 2
			far := min(max(near-1+2*(y&1), 0), rows-1)
			n, f := near*m.CStride, far*m.CStride
			if half <= 2 { // too narrow for libjpeg
				widen(cb, m.Cb[n:n+half], from, end)
				widen(cr, m.Cr[n:n+half], from, end)
				break
			}
			raster.DoubleBetween(cb, m.Cb[n:n+half], m.Cb[f:f+half], from, end)
			raster.DoubleBetween(cr, m.Cr[n:n+half], m.Cr[f:f+half], from, end)
		default: // 4:4:0, 4:1:1, 4:1:0: the nearest
			for x := left; x < right; x++ {
				at := m.COffset(x, y)
				cb[x], cr[x] = m.Cb[at], m.Cr[at]
			}
		}
		to, luma := dst.Pix[3*(y*w+left):3*(y*w+right)], m.Y[y*m.YStride+left:y*m.YStride+right]
		if studio {
			studioRow(to, luma, cb[left:], cr[left:])
		} else {
			raster.YCbCr(to, luma, cb[left:], cr[left:])
		}
	}
}

// widen doubles some samples of a row of chroma along the row; a short one as libjpeg does, without a filter.
func widen(dst, near []byte, from, end int) {
	if len(near) > 2 {
		raster.Double(dst, near, from, end)
		return
	}
	for i := from; i < end; i++ {
		dst[2*i], dst[2*i+1] = near[i], near[i]
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

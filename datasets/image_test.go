package datasets

import "testing"

func TestGreyIsPILsLuma(t *testing.T) {
	m := Image{H: 1, W: 1, C: 3, Pix: []byte{200, 30, 60}}
	m.Convert(1)
	// (200*19595 + 30*38470 + 60*7471 + 32768) >> 16
	if want := byte(84); m.Pix[0] != want {
		t.Errorf("grey of 200, 30, 60: got %d, want %d", m.Pix[0], want)
	}
}

package datasets

import (
	"bytes"
	"hash/maphash"
)

// Twin is an image that occurs in two sets.
type Twin struct{ Train, Test int }

// Contents is a digest of every image of a set, as it is decoded: equal images have equal digests while the program
// runs. 0 is an image that was not read.
type Contents []uint64

var contentSeed = maphash.MakeSeed()

// digest is the digest of a decoded image.
func digest(m *Image) uint64 {
	var h maphash.Hash
	h.SetSeed(contentSeed)
	h.WriteByte(byte(m.C))
	for _, n := range []int{m.H, m.W} {
		h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
	}
	h.Write(m.Pix)
	return max(h.Sum64(), 1)
}

// Twins finds the test images that are also training images, by their pixels, in the order of the test set: each with
// the first training image that it equals.
func Twins(train, test Set, a, b Contents) (found []Twin, err error) {
	first := make(map[uint64]int, len(a))
	for i, d := range a {
		if _, ok := first[d]; !ok && d != 0 {
			first[d] = i
		}
	}
	var x, y Image
	for i, d := range b {
		j, ok := first[d]
		if !ok {
			continue
		}
		if err := train.Image(j, &x); err != nil {
			return nil, err
		}
		if err := test.Image(i, &y); err != nil {
			return nil, err
		}
		if x.H == y.H && x.W == y.W && x.C == y.C && bytes.Equal(x.Pix, y.Pix) {
			found = append(found, Twin{j, i})
		}
	}
	return found, nil
}

// StatsAndContents is Stats and the digests of the images, which are read once for both. Of a set that knows its Stats
// the images are not read: the contents are nil.
func StatsAndContents(s Set) (mean, std []float64, c Contents, err error) {
	if _, ok := s.(Measured); ok {
		mean, std, err = Stats(s)
		return mean, std, nil, err
	}
	c = make(Contents, s.Len())
	levels, err := countLevels(s, func(i int, m *Image) { c[i] = digest(m) })
	if err != nil {
		return nil, nil, nil, &ReadError{err}
	}
	mean, std = levels.MeanStd()
	return mean, std, c, nil
}

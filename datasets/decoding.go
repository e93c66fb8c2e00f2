package datasets

// Decoding is a set that knows whether Image decodes a compressed file each time, and not copies pixels.
type Decoding interface {
	Decodes() bool
}

// Decodes implements Decoding.
func (s *fileSet) Decodes() bool { return s.images == nil }

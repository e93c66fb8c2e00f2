package experiment

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"selfsup/experiment/folder"
)

// Hits say of a run's accuracies which test images are right, so that runs can be compared image by image.
type Hits struct {
	Images int    `json:"images"` // of the test set
	Test   string `json:"test"`   // digest of the names and labels of the test images, in order
	Of     []Hit  `json:"of"`
}

// Hit is one accuracy by image.
type Hit struct {
	Evaluation     string `json:"evaluation"` // as in the table: knn k=20 top1
	Representation string `json:"representation"`
	Right          Bits   `json:"right"`
}

// Bits is a bit an image; in JSON it is base64 with image i at bit i%8 of byte i/8.
type Bits []bool

// MarshalText implements encoding.TextMarshaler.
func (b Bits) MarshalText() ([]byte, error) {
	packed := make([]byte, (len(b)+7)/8)
	for i, right := range b {
		if right {
			packed[i/8] |= 1 << (i % 8)
		}
	}
	return []byte(base64.StdEncoding.EncodeToString(packed)), nil
}

// UnmarshalText implements encoding.TextUnmarshaler; the last byte's unused bits count as images that are wrong.
func (b *Bits) UnmarshalText(text []byte) error {
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return err
	}
	*b = make(Bits, 8*len(packed))
	for i := range *b {
		(*b)[i] = packed[i/8]>>(i%8)&1 == 1
	}
	return nil
}

// hitsFile is the name in a run folder.
const hitsFile = "hits.json"

// writeHits writes the hits of a run's accuracies on the test set; without any it writes nothing.
func writeHits(f *folder.Folder, s *Setup, all []Evaluation) error {
	h := Hits{}
	for _, e := range all {
		if e.Set == onTest && e.Hits != nil && e.On == "" {
			h.Of = append(h.Of, Hit{e.Label(), e.Representation, e.Hits})
		}
	}
	if len(h.Of) == 0 {
		return nil
	}
	digest := sha256.New()
	h.Images = s.Tested.Len()
	for i := range h.Images {
		fmt.Fprintf(digest, "%s\x00", s.Tested.Name(i))
		binary.Write(digest, binary.LittleEndian, int64(s.Tested.Label(i)))
	}
	h.Test = hex.EncodeToString(digest.Sum(nil)[:8])
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return folder.WriteAtomic(f.File(hitsFile), append(text, '\n'))
}

// ReadHits reads the hits of a run folder; nil if it has none.
func ReadHits(dir string) (*Hits, error) {
	path := filepath.Join(dir, hitsFile)
	h, err := folder.ReadJSON[Hits](path)
	if h == nil || err != nil {
		return nil, err
	}
	for i := range h.Of {
		o := &h.Of[i]
		if len(o.Right) != (h.Images+7)/8*8 {
			return nil, fmt.Errorf("%s: %s of %s has %d bits, want those of %d images",
				path, o.Evaluation, o.Representation, len(o.Right), h.Images)
		}
		o.Right = o.Right[:h.Images]
	}
	return h, nil
}

package images

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// IDX reads images and labels from the file format of MNIST, plain or gzip'd.
//
// Images are unsigned bytes, grey [N,H,W] or colour [N,H,W,3]; labels are unsigned bytes [N].
//
//	[dataset.idx]
//	train_images = "train-images-idx3-ubyte.gz"
//	train_labels = "train-labels-idx1-ubyte.gz"
//	test_images = "t10k-images-idx3-ubyte.gz"
//	test_labels = "t10k-labels-idx1-ubyte.gz"
type IDX struct {
	TrainImages string   `toml:"train_images"` // path
	TrainLabels string   `toml:"train_labels"` // path; empty: unlabelled
	TestImages  string   `toml:"test_images"`  // path; empty: no test set
	TestLabels  string   `toml:"test_labels"`  // path; empty: unlabelled
	Classes     []string `toml:"classes"`      // names of labels 0, 1, ...; empty: the numbers themselves
}

// NewIDX has no paths set; train_images is the one it needs.
func NewIDX() *IDX { return &IDX{} }

// Validate checks the settings.
func (s *IDX) Validate() error {
	if s.TrainImages == "" {
		return errors.New("train_images is empty; want the path of an IDX file")
	}
	return nil
}

// Open reads the files.
func (s *IDX) Open(env datasets.Env) (*datasets.Data, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("datasets: idx: %w", err)
	}
	if s.TestImages == "" && s.TestLabels != "" {
		return nil, fmt.Errorf("datasets: idx: test_labels = %q without test_images", s.TestLabels)
	}
	train, err := s.set(env, s.TrainImages, s.TrainLabels)
	if err != nil {
		return nil, err
	}
	d := &datasets.Data{Train: train, Roots: []string{s.TrainImages, s.TestImages}}
	if s.TestImages != "" {
		test, err := s.set(env, s.TestImages, s.TestLabels)
		if err != nil {
			return nil, err
		}
		// Both sets share one list of names, as long as the largest label of either.
		if len(train.Class) < len(test.Class) {
			train.Class = test.Class
		}
		test.Class = train.Class
		d.Test = test
	}
	if gap := gap(train); gap >= 0 && len(s.Classes) == 0 {
		return nil, fmt.Errorf("datasets: idx: %s: labels run from 0 to %d, and no training image has label %d; "+
			"name the classes with classes = [...] if that is meant",
			s.TrainLabels, len(train.Class)-1, gap)
	}
	return d, d.Check("idx: " + s.TrainImages)
}

// LabelHint implements Hinting.
func (s *IDX) LabelHint() string {
	if s.TrainLabels == "" {
		return "name the labels with train_labels and test_labels"
	}
	return ""
}

func (s *IDX) set(env datasets.Env, images, labels string) (*datasets.Memory, error) {
	open := func(path string) (*IDXArray, error) {
		if path == "" {
			return nil, nil
		}
		f, err := os.Open(env.Path(path))
		if err != nil {
			return nil, fmt.Errorf("datasets: idx: %w; want an IDX file, gzip'd or not", err)
		}
		defer f.Close()
		return ReadIDX(f, path)
	}
	x, err := open(images)
	if err != nil {
		return nil, err
	}
	y, err := open(labels)
	if err != nil {
		return nil, err
	}
	return idxSet(images, x, labels, y, s.Classes)
}

// idxSet pairs an array of images with one of labels, which may be nil.
func idxSet(imagesName string, x *IDXArray, labelsName string, y *IDXArray, classes []string) (*datasets.Memory,
	error) {
	channels := 1
	switch {
	case len(x.Shape) == 4 && (x.Shape[3] == 3 || x.Shape[3] == 1):
		channels = x.Shape[3]
	case len(x.Shape) != 3:
		return nil, fmt.Errorf("datasets: %s: shape %v, want images [N,H,W] or [N,H,W,3]", imagesName, x.Shape)
	}
	n, h, w := x.Shape[0], x.Shape[1], x.Shape[2]
	size := h * w * channels
	if size == 0 {
		return nil, fmt.Errorf("datasets: %s: shape %v holds no pixels", imagesName, x.Shape)
	}
	m := &datasets.Memory{Images: make([]datasets.Image, n), Origin: imagesName}
	for i := range m.Images {
		m.Images[i] = datasets.Image{H: h, W: w, C: channels, Pix: x.Data[i*size : (i+1)*size : (i+1)*size]}
	}
	if y == nil {
		return m, nil
	}
	if len(y.Shape) != 1 || y.Shape[0] != n {
		return nil, fmt.Errorf("datasets: %s: shape %v, want labels [%d] for the %d images of %s", labelsName, y.Shape,
			n, n, imagesName)
	}
	m.Class = classes
	m.Labels = make([]int, n)
	for i, b := range y.Data {
		m.Labels[i] = int(b)
		if len(classes) > 0 && int(b) >= len(classes) {
			return nil, fmt.Errorf("datasets: %s: label %d of image %d, want 0 to %d (%d classes)", labelsName, b, i,
				len(classes)-1, len(classes))
		}
		for len(classes) == 0 && int(b) >= len(m.Class) {
			m.Class = append(m.Class, strconv.Itoa(len(m.Class)))
		}
	}
	return m, nil
}

// IDXArray is the contents of an IDX file: bytes, row-major.
type IDXArray struct {
	Shape []int
	Data  []byte
}

// ReadIDX reads an IDX file of unsigned bytes with up to 4 dimensions, gzip'd or not; name is for its errors.
// Memory is taken as data arrives: a header that claims more than the file holds costs nothing.
//
// Format: LeCun, Cortes, Burges, THE MNIST DATABASE; bytes 0, 0, type, dimensions, then each size as a big-endian
// uint32.
func ReadIDX(r io.Reader, name string) (*IDXArray, error) {
	in := bufio.NewReader(r)
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("datasets: %s: gzip header: %w", name, err)
		}
		in = bufio.NewReader(z)
	}
	var head [4]byte
	if k, err := io.ReadFull(in, head[:]); err != nil {
		return nil, fmt.Errorf("datasets: %s: %d bytes, want an IDX header of at least 4 (%w)", name, k,
			disk.NoEOF(err))
	}
	if head[0] != 0 || head[1] != 0 {
		return nil,
			fmt.Errorf("datasets: %s: begins with % x, want an IDX file (00 00 08 and the number of dimensions)", name,
				head)
	}
	if head[2] != 8 {
		return nil, fmt.Errorf("datasets: %s: IDX element type 0x%02x, want 0x08 (unsigned byte)", name, head[2])
	}
	if head[3] < 1 || head[3] > 4 {
		return nil, fmt.Errorf("datasets: %s: %d dimensions, want 1 to 4", name, head[3])
	}
	a := &IDXArray{Shape: make([]int, head[3])}
	total := int64(1)
	for i := range a.Shape {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return nil, fmt.Errorf("datasets: %s: the header ends at size %d of %d (%w)", name, i+1, len(a.Shape),
				disk.NoEOF(err))
		}
		d := int64(binary.BigEndian.Uint32(size[:]))
		a.Shape[i] = int(d)
		if d > 0 && total > maxIDX/d {
			return nil, fmt.Errorf("datasets: %s: header %v claims more than %d bytes", name, a.Shape[:i+1],
				int64(maxIDX))
		}
		total *= d
	}
	var data bytes.Buffer
	k, err := io.Copy(&data, io.LimitReader(in, total))
	if err != nil {
		return nil, fmt.Errorf("datasets: %s: byte %d of %d that the header %v claims: %w", name, k, total, a.Shape,
			disk.NoEOF(err))
	}
	if k < total {
		return nil, fmt.Errorf("datasets: %s: %d bytes of data, the header %v claims %d: the file is truncated", name,
			k, a.Shape, total)
	}
	// Reading to the end also verifies the checksum of a gzip'd file.
	switch _, err := in.ReadByte(); {
	case err == nil:
		return nil, fmt.Errorf("datasets: %s: more data than the %d bytes the header %v claims, from byte %d of "+
			"the unpacked file on", name, total, a.Shape, 4+4*int64(len(a.Shape))+total)
	case err != io.EOF:
		return nil, fmt.Errorf("datasets: %s: after %d bytes of data: %w", name, total, disk.NoEOF(err))
	}
	a.Data = data.Bytes()
	return a, nil
}

// maxIDX bounds what one file may hold, in bytes.
const maxIDX = 1 << 36

// PathKeys implements Located.
func (s *IDX) PathKeys() []string {
	return []string{"train_images", "train_labels", "test_images", "test_labels"}
}

// gap is the first class that no image has, or -1; also where no image has a label.
func gap(m *datasets.Memory) int {
	if m.Labels == nil {
		return -1
	}
	return slices.Index(datasets.CountLabels(m, len(m.Class)), 0)
}

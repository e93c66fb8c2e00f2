package images

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/setting"
)

// Records is the settings of sources that read files of records of one length.
type Records struct {
	Path   string       `toml:"path"`   // the unpacked folder, or the archive as downloaded
	Memory setting.Size `toml:"memory"` // files that are kept in memory; more are read on demand
	// files may hold fewer images than were published, or more; else such a file is refused as cut
	Partial bool `toml:"partial"`
}

// Validate checks the settings.
func (r *Records) Validate() error {
	switch {
	case r.Path == "":
		return errors.New("path is empty; want the unpacked folder, or the .tar.gz as downloaded")
	case r.Memory < 0:
		return fmt.Errorf("memory = %v, want at least 0B", r.Memory)
	}
	return nil
}

// expected is how many images a file must hold, if it was published with so many; 0: any.
func (r *Records) expected(published int) int {
	if r.Partial {
		return 0
	}
	return published
}

// layout is a record: some bytes of label, then three planes of h x w pixels.
type layout struct {
	h, w    int
	labels  int  // bytes before the pixels
	columns bool // planes run down columns, as in STL-10
}

func (l layout) record() int { return l.labels + 3*l.h*l.w }

// records is a set of files of records.
type records struct {
	layout
	parts   []content
	counts  []int // images of each part
	label   []int16
	classes []string
	n       int
	buffers sync.Pool
}

// add appends a file, whose length must be whole records, and as many as were published, where that is above 0.
func (r *records) add(c content, published int) error {
	size := int64(r.record())
	if c.size == 0 || c.size%size != 0 {
		return fmt.Errorf("%s: %d bytes, want a multiple of %d (one image)", c.name, c.size, size)
	}
	n := int(c.size / size)
	if published > 0 && n != published {
		return fmt.Errorf("%s: %d bytes are %d images, the published file has %d: it is cut, or another; set "+
			"partial = true if that is meant", c.name, c.size, n, published)
	}
	r.parts, r.counts, r.n = append(r.parts, c), append(r.counts, n), r.n+n
	return nil
}

// readLabels takes byte at of each record as its label, one of classes.
func (r *records) readLabels(at int) error {
	for _, c := range r.parts {
		in := bufio.NewReaderSize(io.NewSectionReader(c.file, 0, c.size), 1<<16)
		for i := range c.size / int64(r.record()) {
			head := make([]byte, r.labels)
			if _, err := io.ReadFull(in, head); err != nil {
				return fmt.Errorf("%s: %w", c.name, disk.NoEOF(err))
			}
			if _, err := in.Discard(r.record() - r.labels); err != nil {
				return fmt.Errorf("%s: %w", c.name, disk.NoEOF(err))
			}
			if int(head[at]) >= len(r.classes) {
				return fmt.Errorf("%s: label %d of image %d, want 0 to %d", c.name, head[at], i, len(r.classes)-1)
			}
			r.label = append(r.label, int16(head[at]))
		}
	}
	return nil
}

func (r *records) Len() int                { return r.n }
func (r *records) Classes() []string       { return r.classes }
func (r *records) Shape(int) (h, w, c int) { return r.h, r.w, 3 }

func (r *records) Label(i int) int {
	if r.label == nil {
		return -1
	}
	return int(r.label[i])
}

// find is the file of image i, and its place there.
func (r *records) find(i int) (part, row int) {
	for part = 0; i >= r.counts[part]; part++ {
		i -= r.counts[part]
	}
	return part, i
}

func (r *records) Name(i int) string {
	part, row := r.find(i)
	return fmt.Sprintf("%s[%d]", r.parts[part].name, row)
}

// Image implements Set.
func (r *records) Image(i int, dst *datasets.Image) error {
	if i < 0 || i >= r.n {
		return fmt.Errorf("datasets: no image %d, the set has %d", i, r.n)
	}
	dst.Reshape(r.h, r.w, 3)
	return r.raw(i, func(b []byte) { r.interleave(dst.Pix, b[r.labels:]) })
}

// raw lets use see the record of image i.
func (r *records) raw(i int, use func(b []byte)) error {
	part, row := r.find(i)
	c, n := &r.parts[part], r.record()
	if c.data != nil {
		use(c.data[row*n : (row+1)*n])
		return nil
	}
	buf, _ := r.buffers.Get().(*[]byte)
	if buf == nil {
		b := make([]byte, n)
		buf = &b
	}
	defer r.buffers.Put(buf)
	if k, err := c.file.ReadAt(*buf, int64(row)*int64(n)); k < n {
		return fmt.Errorf("datasets: %s: image %d: %w", c.name, row, disk.NoEOF(err))
	}
	use(*buf)
	return nil
}

// interleave turns three planes into [h,w,3].
func (r *records) interleave(dst, src []byte) {
	n := r.h * r.w
	red, green, blue := src[:n], src[n:2*n], src[2*n:3*n]
	if !r.columns {
		for i := range red {
			dst[3*i], dst[3*i+1], dst[3*i+2] = red[i], green[i], blue[i]
		}
		return
	}
	for y := range r.h {
		row := dst[3*y*r.w : 3*(y+1)*r.w]
		for x := range r.w {
			i := x*r.h + y
			row[3*x], row[3*x+1], row[3*x+2] = red[i], green[i], blue[i]
		}
	}
}

// PathKeys implements Located.
func (r *Records) PathKeys() []string { return []string{"path"} }

// Sum implements Summed.
func (r *records) Sum(i int) (uint32, error) {
	var sum uint32
	err := r.raw(i, func(b []byte) { sum = crc32.Checksum(b, datasets.Castagnoli) })
	return sum, err
}

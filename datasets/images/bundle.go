package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/datasets/disk"
	"selfsup/setting"
)

// bundle is the files of a published set, by base name: a folder, or the archive it is published as.
type bundle struct {
	path  string
	files map[string]content
}

// content is a file of a bundle; data is nil where it is read on demand.
type content struct {
	name string
	size int64
	data []byte
	file io.ReaderAt
}

// openBundle finds the wanted files in a folder, else in a folder directly in it, or in a .tar or .tar.gz. Files up to
// memory bytes in all are read; more stay on disk, and in an archive are an error.
func openBundle(at string, wanted []string, memory setting.Size) (*bundle, error) {
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	b := &bundle{path: at, files: map[string]content{}}
	if !info.IsDir() {
		return b, b.readArchive(wanted, int64(memory))
	}
	found := map[string]string{}
	for _, pattern := range []string{"*", "*/*"} {
		paths, _ := filepath.Glob(filepath.Join(escape(at), pattern))
		for _, p := range paths {
			if name := filepath.Base(p); slices.Contains(wanted, name) && found[name] == "" {
				found[name] = p
			}
		}
	}
	var total int64
	for name, p := range found {
		f, err := os.Open(p)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: not a regular file", p)
		}
		total += info.Size()
		b.files[name] = content{name: p, size: info.Size(), file: f}
	}
	if total > int64(memory) {
		return b, nil
	}
	for name, c := range b.files {
		c.data = make([]byte, c.size)
		if _, err := io.ReadFull(io.NewSectionReader(c.file, 0, c.size), c.data); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, disk.NoEOF(err))
		}
		c.file.(*os.File).Close()
		c.file = bytes.NewReader(c.data)
		b.files[name] = c
	}
	return b, nil
}

// escape keeps filepath.Glob from reading a folder's name as a pattern.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// readArchive reads the wanted files of a tar, gzip'd or not, into memory.
func (b *bundle) readArchive(wanted []string, limit int64) error {
	f, err := os.Open(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	a, err := disk.NewArchive(f)
	if err != nil {
		return fmt.Errorf("%s: %w", b.path, err)
	}
	left := limit
	for {
		h, err := a.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w (or a folder of its files)", b.path, err)
		}
		name := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || !slices.Contains(wanted, name) {
			continue
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("%s: %s and what is before it take more than memory = %v; unpack the archive, or "+
				"raise memory", b.path, h.Name, setting.Size(limit))
		}
		if _, twice := b.files[name]; twice {
			return fmt.Errorf("%s: %s is there twice", b.path, h.Name)
		}
		var data bytes.Buffer // grows as data arrives: the header may claim what the archive lacks
		if _, err := io.CopyN(&data, a.Tar, h.Size); err != nil {
			return fmt.Errorf("%s: %s: %w", b.path, h.Name, disk.NoEOF(err))
		}
		b.files[name] = content{name: b.path + ":" + h.Name, size: h.Size, data: data.Bytes(),
			file: bytes.NewReader(data.Bytes())}
	}
}

// get is a file that must be there.
func (b *bundle) get(name string) (content, error) {
	c, ok := b.files[name]
	if !ok {
		return c, fmt.Errorf("%s holds no %s", b.path, name)
	}
	return c, nil
}

// lines is a small text file, or nil where it is absent.
func (b *bundle) lines(name string) []string {
	c, ok := b.files[name]
	if !ok || c.size > 1<<16 {
		return nil
	}
	text := make([]byte, c.size)
	if _, err := c.file.ReadAt(text, 0); err != nil && err != io.EOF {
		return nil
	}
	return strings.Fields(string(text))
}

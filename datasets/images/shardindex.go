package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// indexer finds the samples of shards.
type indexer struct {
	*Shards
	left    int64 // memory for compressed shards
	skipped []datasets.Skip
	others  disk.PassedOver

	progress func(done, total int)
}

func (x *indexer) refuse(name string, err error) {
	x.skipped = append(x.skipped, datasets.Skip{Name: name, Err: err})
}

// patterns indexes every shard that the patterns name.
func (x *indexer) patterns(env datasets.Env, patterns []string) (files []disk.File, err error) {
	seen := map[string]bool{}
	for _, p := range patterns {
		shards, err := disk.Expand(env.Path(p))
		if err != nil {
			return nil, err
		}
		for _, shard := range shards {
			if seen[shard] {
				return nil, fmt.Errorf("%s is named twice by %q", shard, patterns)
			}
			seen[shard] = true
			found, err := x.shard(shard)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", shard, err)
			}
			files = append(files, found...)
		}
	}
	return files, nil
}

// sample is the files of one key.
type sample struct {
	image    disk.File
	ext      string // of the image
	label    string
	labelled bool
	fault    error
}

// shard indexes one tar file.
func (x *indexer) shard(name string) ([]disk.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, disk.Bare(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, disk.Bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return x.entries(name, f, info.Size(), tarFile(name))
}

// entries indexes a tar of so many bytes, whose files are at their places in a store.
func (x *indexer) entries(name string, f disk.TarSource, size int64, from disk.Store) ([]disk.File, error) {
	a, err := disk.NewArchive(f)
	if err != nil {
		return nil, err
	}
	s := shard{indexer: x, name: name, Archive: a, size: size, from: from, samples: map[string]*sample{}}
	if err := s.index(); err != nil {
		return nil, err
	}
	return s.files(), nil
}

// shard is one tar file that is read.
type shard struct {
	*indexer
	*disk.Archive
	name    string
	size    int64
	from    disk.Store
	samples map[string]*sample
	order   []string
}

func (s *shard) index() error {
	for last := "the beginning"; ; {
		h, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %s: %w", last, err)
		}
		last = h.Name
		switch h.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		}
		if err := plain(h); err != nil {
			s.refuse(s.name+":"+h.Name, err)
			continue
		}
		if err := s.entry(h); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// plain refuses what is not a file at its own place. Nothing is ever unpacked to disk; such an entry is a sign of a bad
// archive.
func plain(h *tar.Header) error {
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("an entry of type %q (a link, a device or a sparse file), want a regular file", h.Typeflag)
	case !filepath.IsLocal(h.Name) || strings.Contains(h.Name, `\`) || slices.Contains(strings.Split(h.Name, "/"),
		".."):
		return errors.New("an absolute path, or one with .. or a backslash; want a path below the shard")
	case disk.Sparse(h):
		return errors.New("a sparse file, want a regular file")
	}
	return nil
}

// entry puts one file of the shard to its sample.
func (s *shard) entry(h *tar.Header) error {
	dir, base := path.Split(path.Clean(h.Name))
	stem, ext, _ := strings.Cut(base, ".")
	ext = strings.ToLower(ext)
	if stem == "" || ext == "" {
		return nil
	}
	isImage := ext == s.Image || s.Image == "" && slices.Contains(disk.ImageExtensions, path.Ext("."+ext))
	labelExt, _, _ := strings.Cut(s.Label, ".")
	isLabel := s.Label != "" && ext == labelExt
	if !isImage && !isLabel {
		s.others.Add(s.name+":"+h.Name, "."+ext)
		return nil
	}
	one := s.samples[dir+stem]
	if one == nil {
		one = &sample{}
		s.samples[dir+stem] = one
		s.order = append(s.order, dir+stem)
	}
	switch {
	case isLabel && one.labelled, isImage && one.ext == ext:
		return errors.New("the shard holds a file of this name before; names must differ")
	case isLabel:
		one.labelled = true
		return s.readLabel(one, h)
	case one.ext != "":
		return fmt.Errorf("a second image of sample %s, beside .%s; choose with image = %q", stem, one.ext, ext)
	}
	one.ext = ext
	return s.place(one, h)
}

// place notes where the image is, or reads it from a compressed shard.
func (s *shard) place(one *sample, h *tar.Header) error {
	one.image = disk.File{Name: s.name + ":" + h.Name, Size: h.Size}
	if s.File != nil {
		at, err := s.At()
		if err != nil {
			return err
		}
		if h.Size > s.size-at {
			return fmt.Errorf("%d bytes from byte %d on, and the shard ends at %d: it is truncated", h.Size, at, s.size)
		}
		one.image.At, one.image.From = at, s.from
		return nil
	}
	if limit := s.limit(); h.Size > limit {
		one.fault = fmt.Errorf("%d bytes, want at most %d (8 for each of max_pixels, and 16 MiB)", h.Size, limit)
		return nil
	}
	if s.left -= h.Size; s.left < 0 {
		return fmt.Errorf("this and what is before it take more than memory = %v; unpack the shards to plain "+
			".tar, or raise memory", s.Memory)
	}
	var b bytes.Buffer // grows as data arrives: the header may claim what the shard lacks
	if _, err := io.CopyN(&b, s.Tar, h.Size); err != nil {
		return disk.NoEOF(err)
	}
	one.image.From = disk.InMemory(b.Bytes())
	return nil
}

// readLabel reads the label's file. What it holds may be refused; that it cannot be read is an error of the shard.
func (s *shard) readLabel(one *sample, h *tar.Header) error {
	if h.Size > maxLabelFile {
		one.fault = fmt.Errorf("%s has %d bytes, want at most %d", path.Base(h.Name), h.Size, maxLabelFile)
		return nil
	}
	b, err := io.ReadAll(s.Tar)
	if err != nil {
		return disk.NoEOF(err)
	}
	ext, key, isJSON := strings.Cut(s.Label, ".")
	if !isJSON {
		one.label = strings.TrimSpace(string(b))
		if one.label == "" {
			one.fault = fmt.Errorf(".%s is empty", ext)
		}
		return nil
	}
	if one.label, err = jsonLabel(b, key); err != nil {
		one.fault = fmt.Errorf(".%s: %w", ext, err)
	}
	return nil
}

const maxLabelFile = 1 << 20

// jsonLabel is the text or the integer under a key of an object.
func jsonLabel(b []byte, key string) (string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return "", err
	}
	raw, ok := object[key]
	if !ok {
		return "", fmt.Errorf("no key %q", key)
	}
	text, err := disk.JSONText(raw)
	if err != nil {
		return "", fmt.Errorf("%q is %w", key, err)
	}
	return text, nil
}

// files is the samples that have all they need, in the order of the shard.
func (s *shard) files() (files []disk.File) {
	for _, key := range s.order {
		one := s.samples[key]
		switch {
		case one.ext == "":
			s.refuse(s.name+":"+key, errors.New("a label without an image"))
		case one.fault != nil:
			s.refuse(one.image.Name, one.fault)
		case s.Label != "" && !one.labelled:
			s.refuse(one.image.Name, fmt.Errorf(`no label .%s (label = "" reads shards without labels)`, s.Label))
		default:
			one.image.Class = one.label
			files = append(files, one.image)
		}
	}
	return files
}

package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"path"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/setting"
)

// The licences travel with the archive in the repository's folder.
//
//go:embed embedded/emoji-32/emoji-32.tar.gz
var emoji []byte

// Emoji32 is 1,524 + 376 colour drawings 32x32 of 9 categories, part of the program; not balanced, 85 to 386 a class.
//
// The same drawings have a second labelling, by their colour: red, orange, yellow, green, blue, purple, or grey where
// there is little colour. It is computed from the pixels, each of which votes for its hue with its chroma.
//
// Google's Noto Emoji v2.048 from the npm package emoji-datasource-google 16.0.0, scaled down, on white; Apache License
// 2.0.
type Emoji32 struct {
	Labels string `toml:"labels"` // group (the category) | colour (the hue of most of the drawing)
}

// emojiTwins are images of the archive's test part that equal a training image, pixel by pixel: flags that are drawn
// alike, and families. They are left out: the training set would give their answers away.
var emojiTwins = map[string]bool{
	"val/flags/1f1e8-1f1f6.png": true,
	"val/flags/1f1ea-1f1e6.png": true,
	"val/flags/1f1ed-1f1f2.png": true,
	"val/flags/1f1fa-1f1f8.png": true,

	"val/people_body/1f468-200d-1f466-200d-1f466.png":            true,
	"val/people_body/1f9d1-200d-1f9d1-200d-1f9d2-200d-1f9d2.png": true,
}

// NewEmoji32 has the categories for labels.
func NewEmoji32() *Emoji32 { return &Emoji32{Labels: "group"} }

// Validate checks the settings.
func (e *Emoji32) Validate() error {
	if e.Labels != "group" && e.Labels != "colour" {
		return setting.Bad("labels", "%q: want \"group\" or \"colour\"", e.Labels)
	}
	return nil
}

// Open implements datasets.Source.
func (e *Emoji32) Open(datasets.Env) (*datasets.Data, error) {
	z, err := gzip.NewReader(bytes.NewReader(emoji))
	if err != nil {
		return nil, fmt.Errorf("datasets: emoji_32: %w", err)
	}
	var train, test []disk.File
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("datasets: emoji_32: %w", err)
		}
		// emoji-32/{train,val}/<category>/<code points>.png
		part := strings.Split(path.Clean(h.Name), "/")
		if h.Typeflag != tar.TypeReg || len(part) != 4 {
			continue
		}
		if emojiTwins[strings.Join(part[1:], "/")] {
			continue
		}
		b, err := io.ReadAll(t)
		if err != nil {
			return nil, fmt.Errorf("datasets: emoji_32: %s: %w", h.Name, err)
		}
		f := disk.File{Name: h.Name, Class: part[2], From: disk.InMemory(b), Size: int64(len(b))}
		if e.Labels == "colour" {
			if f.Class, err = dominantHue(b); err != nil {
				return nil, fmt.Errorf("datasets: emoji_32: %s: %w", h.Name, err)
			}
		}
		if part[1] == "val" {
			test = append(test, f)
		} else {
			train = append(train, f)
		}
	}
	opt := DefaultFiles()
	opt.Channels = 3
	return openLabelled(Found{Where: "emoji_32", Train: train, Test: test}, opt)
}

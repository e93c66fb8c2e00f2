package images

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

func TestCaptions(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(4, 6, filetest.Red, false))
	for _, c := range []struct {
		name    string
		list    string
		file    string
		change  func(*Captions)
		want    string // image=label captions
		skipped int
		message string
	}{
		{name: "JSON", list: "{\"image\":\"i/a.png\",\"caption\":\"one\",\"kind\":\"x\"}\n" +
			"{\"image\":\"i/b.png\",\"caption\":[\"two\",\"three\"],\"kind\":\"w\"}\n",
			change: func(s *Captions) { s.Label = "kind" }, want: `i/a.png=1["one"] i/b.png=0["two" "three"]`},
		{name: "CSV, lines of one image", file: "l.csv", list: "caption,image\none,i/a.png\n\"two, and\n" +
			"more\",i/a.png\n", want: `i/a.png=-1["one" "two, and\nmore"]`},
		{name: "bad lines left out", list: "{\"image\":\"i/a.png\",\"caption\":\"one\"}\n" +
			"{\"image\":\"../a.png\",\"caption\":\"one\"}\n{\"image\":\"i/b.png\",\"caption\":\" \"}\n" +
			"{\"image\":\"i/none.png\",\"caption\":\"c\"}\n{\"image\":3}\n",
			change: func(s *Captions) { s.MaxSkipped = 4 }, want: `i/a.png=-1["one"]`, skipped: 4},
		{name: "path above", list: "{\"image\":\"../a.png\",\"caption\":\"one\"}\n",
			message: `l.jsonl:1: image "../a.png", want a path below`},
		{name: "absolute path", list: "{\"image\":\"/etc/a.png\",\"caption\":\"one\"}\n",
			message: `l.jsonl:1: image "/etc/a.png", want a path below`},
		{name: "missing image", list: "{\"image\":\"i/c.png\",\"caption\":\"one\"}\n",
			message: "i/c.png: no such file"},
		{name: "two labels", list: "{\"image\":\"i/a.png\",\"caption\":\"1\",\"kind\":\"x\"}\n" +
			"{\"image\":\"i/a.png\",\"caption\":\"2\",\"kind\":\"y\"}\n",
			change:  func(s *Captions) { s.Label = "kind" },
			message: `l.jsonl:2: image "i/a.png" has label "y" here and "x" before`},
		{name: "in both lists", list: "{\"image\":\"i/a.png\",\"caption\":\"1\"}\n", change: func(s *Captions) {
			s.Test = s.Train
		}, message: `l.jsonl:1: image "i/a.png" is in the training list too`},
		{name: "other format", file: "l.txt", list: "i/a.png one\n", message: "l.txt: want a file named .csv, " +
			".tsv or .jsonl"},
		{name: "no such column", file: "l.csv", list: "picture,caption\n", message: `l.csv:1: no column "image"`},
		{name: "not UTF-8", list: "{\"image\":\"i/a.png\",\"caption\":\"\xff\"}\n",
			message: "l.jsonl:1:31: bytes ff 22 7d 0a at byte 30 are not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file == "" {
				c.file = "l.jsonl"
			}
			dir := filetest.Tree(t, map[string][]byte{c.file: []byte(c.list), "i/a.png": pic, "i/b.png": pic})
			s := NewCaptions()
			s.Train, s.TestFraction = c.file, 0
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(datasets.Env{BaseDir: dir})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			var got []string
			for i, name := range filetest.Listing(dir, p.Train) {
				got = append(got, fmt.Sprintf("%s%q", name, p.Train.(datasets.CaptionSet).Captions(i)))
			}
			if strings.Join(got, " ") != c.want || len(p.Skipped) != c.skipped {
				t.Errorf("got %s, skipped %v; want %s, %d skipped", strings.Join(got, " "), p.Skipped, c.want,
					c.skipped)
			}
		})
	}
}

func TestRealCaptions(t *testing.T) {
	s := NewCaptions()
	s.Train = filepath.Join(filetest.Unpacked(t, "captions-emoji-64/emoji-captions-64.tar.gz", func(string) bool {
		return true
	}), "emoji-captions-64", "captions.jsonl")
	s.Label = "category"
	p, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	different := map[string]bool{}
	for _, set := range []datasets.CaptionSet{p.Train.(datasets.CaptionSet), p.Test.(datasets.CaptionSet)} {
		for i := range set.Len() {
			different[set.Captions(i)[0]] = true
		}
	}
	if n := p.Train.Len() + p.Test.Len(); n != 1906 || len(different) != 1905 || len(p.Train.Classes()) != 9 {
		t.Errorf("%d pairs, %d captions, %d classes; want 1906, 1905, 9", n, len(different), len(p.Train.Classes()))
	}
	for i := range p.Train.Len() {
		if strings.HasSuffix(p.Train.Name(i), "1f603.png") &&
			p.Train.(datasets.CaptionSet).Captions(i)[0] != "smiling face with open mouth" {
			t.Errorf("%s is %q", p.Train.Name(i), p.Train.(datasets.CaptionSet).Captions(i))
		}
	}
}

// FuzzCaptions holds that no list does more than fail.
func FuzzCaptions(f *testing.F) {
	for _, s := range []string{"image,caption\na.png,x\n", "{\"image\":\"a.png\",\"caption\":[\"x\",\"\"]}\n",
		"{\"image\":\"../a.png\",\"caption\":\"x\"}", "image,caption\n\"", "\x1f\x8b"} {
		f.Add([]byte(s))
	}
	dir := filetest.QuickDir(f)
	if err := os.WriteFile(filepath.Join(dir, "a.png"), filetest.Encoded(f, ".png", filetest.Picture(2, 2, filetest.Red,
		false)),
		0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, name := range []string{"l.csv", "l.jsonl"} {
			if err := os.WriteFile(filepath.Join(dir, name), in, 0o600); err != nil {
				t.Fatal(err)
			}
			s := NewCaptions()
			s.Train, s.MaxSkipped, s.MaxPixels, s.Memory = name, 1<<20, 1<<10, 1<<16
			p, took, err := filetest.MemoryToOpen(s.Open, datasets.Env{BaseDir: dir})
			if took > uint64(8<<20+2000*len(in)) && !bytes.HasPrefix(in, []byte{0x1f, 0x8b}) {
				t.Fatalf("%d bytes took %d bytes of memory (%v)", len(in), took, err)
			}
			if err != nil {
				continue
			}
			for i := range p.Train.Len() {
				if rel, err := filepath.Rel(dir, p.Train.Name(i)); err != nil || !filepath.IsLocal(rel) {
					t.Fatalf("%s is outside", p.Train.Name(i))
				}
				if len(p.Train.(datasets.CaptionSet).Captions(i)) == 0 {
					t.Fatalf("%s has no caption", p.Train.Name(i))
				}
			}
		}
	})
}

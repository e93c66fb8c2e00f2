package datasets_test

import (
	"bytes"
	"fmt"
	"image/color"
	"maps"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/clips"
	"selfsup/datasets/filetest"
	"selfsup/datasets/images"
	"selfsup/datasets/sounds"
	"selfsup/datasets/texts"
)

// Every source of image files takes range16: in memory and on demand, and a folder, shards, captions, masks' images and
// frames alike;
// a range that is none is refused.
func TestRange16Sources(t *testing.T) {
	pic, mask := filetest.Encoded(t, ".png", filetest.Deep(2, 2, 1000, 1000, "grey")),
		filetest.Encoded(t, ".png", filetest.Stripes(2, 2, 1, 255))
	dir := filetest.Tree(t, map[string][]byte{
		"images/0.png": pic, "images/1.png": pic, "masks/0.png": mask, "masks/1.png": mask,
		"l.csv": []byte("image,caption\nimages/0.png,a\nimages/1.png,b\n"),
		"s.tar": filetest.Tar(t, "0.png", pic, "1.png", pic), "c/a/0.png": pic, "c/a/1.png": pic, "c/b/0.png": pic,
		"c/b/1.png": pic,
	})
	for _, r := range [][]int{{5}, {0, 0}, {9, 3}, {-1, 3}, {0, 65536}, {1, 2, 3}} {
		s := images.NewFolder()
		s.Train, s.Range16 = "x", r
		if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(),
			"want two values of 16-bit samples") {
			t.Errorf("range16 = %v: got %v", r, err)
		}
	}
	env := datasets.Env{BaseDir: dir}
	for _, memory := range []int{0, 1 << 20} {
		files := images.DefaultFiles()
		files.Memory, files.Range16 = 0, []int{0, 4000}
		if memory > 0 {
			files.Memory = 1 << 20
		}
		folder, shards, masks, captions, clips := images.NewFolder(), images.NewShards(), images.NewSegments(),
			images.NewCaptions(), clips.NewClips()
		folder.Train, folder.Unlabelled, folder.Files = "images", true, files
		shards.Train, shards.Label, shards.Files = []string{"s.tar"}, "", files
		masks.Train, masks.Files = dir, files
		captions.Train, captions.Files = "l.csv", files
		clips.Train, clips.Length, clips.Files = "c", 2, files
		got := map[string]datasets.Image{}
		first := func(name string, set func() (datasets.Set, error)) {
			s, err := set()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var m datasets.Image
			if err := s.Image(0, &m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got[name] = m
		}
		of := func(d *datasets.Data, err error) (datasets.Set, error) {
			if err != nil {
				return nil, err
			}
			return d.Train.(datasets.Set), nil
		}
		first("folder", func() (datasets.Set, error) { return of(folder.Open(env)) })
		first("shards", func() (datasets.Set, error) { return of(shards.Open(env)) })
		first("masks", func() (datasets.Set, error) { p, err := masks.Open(env); return p.Train.(datasets.Set), err })
		first("captions", func() (datasets.Set, error) {
			p, err := captions.Open(env)
			return p.Train.(datasets.Set), err
		})
		p, err := clips.Open(env)
		if err != nil {
			t.Fatal(err)
		}
		frames := make([]datasets.Image, 2)
		if err := p.Train.(datasets.ClipSet).Clip(0, frames); err != nil {
			t.Fatal(err)
		}
		got["clips"] = frames[1]
		for name, m := range got {
			if want := []byte{64, 128, 191, 255}; !bytes.Equal(m.Pix, want) {
				t.Errorf("memory %v: %s: got %v, want %v", files.Memory, name, m.Pix, want)
			}
		}
	}
}

// The share for the test is taken of the pairs and the recordings that can be read, and files of other kinds are named.
func TestShareOfWhatIsRead(t *testing.T) {
	photo, black := filetest.Encoded(t, ".png", filetest.Picture(8, 8, filetest.White, true)),
		filetest.Encoded(t, ".png", filetest.Picture(8, 8, color.Black, true))
	tone := filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Data: make([]byte, 200)}.File()
	kinds := map[string]struct {
		name func(i int) string
		good []byte
		more map[string][]byte
		open func(dir string) (*datasets.Data, error)
	}{
		"masks": {func(i int) string { return fmt.Sprintf("images/%d.png", i) }, photo,
			map[string][]byte{"masks/0.png": black, "masks/1.png": black, "masks/2.png": black, "masks/3.png": black,
				"masks/4.png": black, "images/x.heic": nil},
			func(dir string) (*datasets.Data, error) {
				s := images.NewSegments()
				s.Train, s.MaxSkipped = dir, 1
				return s.Open(datasets.Env{})
			}},
		"wav": {func(i int) string { return fmt.Sprintf("a/%d.wav", i) }, tone, map[string][]byte{"a/x.heic": nil},
			func(dir string) (*datasets.Data, error) {
				s := sounds.NewWAV()
				s.Train, s.MaxSkipped = dir, 1
				return s.Open(datasets.Env{})
			}},
	}
	for kind, k := range kinds {
		for bad := range 5 {
			files := maps.Clone(k.more)
			for i := range 5 {
				if files[k.name(i)] = k.good; i == bad {
					files[k.name(i)] = []byte("neither an image nor a sound")
				}
			}
			o, err := k.open(filetest.Tree(t, files))
			if err != nil {
				t.Fatal(err)
			}
			train, test := o.Train, o.Test
			if train.Len() != 3 || test == nil || test.Len() != 1 {
				t.Errorf("%s without file %d: %v, want 3 + 1", kind, bad, o.Summary())
			}
			if notes := o.Notes; len(notes) != 1 || !strings.Contains(notes[0], "1 .heic (such as ") {
				t.Errorf("%s: notes %q, want the .heic file", kind, notes)
			}
		}
	}
}

// Lists of captions and of passages are CSV files of other programs too.
func TestListsOfOtherPrograms(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(2, 2, filetest.Red, false))
	dir := filetest.Tree(t, map[string][]byte{"a.png": pic, "l.csv": []byte(",image,caption\n0,a.png,one,\n"),
		"t.csv": []byte(",text,label\n0,hello,x,\n1,world,y,\n"), "h.csv": []byte("text,label\n")})
	captions := images.NewCaptions()
	captions.Train, captions.TestFraction = "l.csv", 0
	if p, err := captions.Open(datasets.Env{BaseDir: dir}); err != nil ||
		p.Train.(datasets.CaptionSet).Captions(0)[0] != "one" {
		t.Errorf("captions: %v", err)
	}
	passages := texts.NewText()
	passages.Train, passages.Label, passages.TestFraction = "t.csv", "label", 0
	if p, err := passages.Open(datasets.Env{BaseDir: dir}); err != nil || p.Train.Len() != 2 ||
		p.Train.(datasets.TextSet).Text(1) != "world" {
		t.Errorf("texts: %v", err)
	}
	passages.Train = "h.csv"
	if _, err := passages.Open(datasets.Env{BaseDir: dir}); err == nil || !strings.Contains(err.Error(),
		"h.csv: no rows below the header") {
		t.Errorf("header alone: got %v", err)
	}
}

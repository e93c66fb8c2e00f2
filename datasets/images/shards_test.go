package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/datasets/filetest"
	"selfsup/datasets/images/codec"
	"selfsup/setting"
)

func TestShards(t *testing.T) {
	pic := filetest.Encoded(t, ".png", filetest.Picture(6, 8, filetest.Red, false))
	jpg := filetest.Encoded(t, ".jpg", filetest.Picture(6, 8, filetest.White, false))
	two := filetest.Tar(t, "a/1.png", pic, "a/1.cls", "1\n", "a/2.x.png", pic, "a/2.cls", "0")
	one := filetest.Tar(t, "1.jpg", jpg, "1.cls", " 1 ", "1.txt", "a text", "notes", "passed over", "._1.jpg", "hidden")
	all := func(s *Shards) { s.Train = []string{"*.tar"} }
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*Shards)
		train   []string
		test    []string
		classes []string
		skipped int
		message string
	}{
		{name: "glob, two shards", files: map[string][]byte{"s0.tar": two, "s1.tar": one}, change: all,
			train: []string{"s0.tar:a/1.png=1", "s0.tar:a/2.x.png=0", "s1.tar:1.jpg=1"}, classes: []string{"0", "1"}},
		{name: "braces, in their order", files: map[string][]byte{"s09.tar": two, "s10.tar": one},
			change:  func(s *Shards) { s.Train = []string{"s{10,09}.tar"} },
			train:   []string{"s10.tar:1.jpg=1", "s09.tar:a/1.png=1", "s09.tar:a/2.x.png=0"},
			classes: []string{"0", "1"}},
		{name: "test shards, gzip'd", files: map[string][]byte{"a.tar.gz": filetest.Gzip(two),
			"b.tgz": filetest.Gzip(one)},
			change: func(s *Shards) { s.Train, s.Test = []string{"a.tar.gz"}, []string{"b.tgz"} },
			train:  []string{"a.tar.gz:a/1.png=1", "a.tar.gz:a/2.x.png=0"}, test: []string{"b.tgz:1.jpg=1"},
			classes: []string{"0", "1"}},
		{name: "unlabelled", files: map[string][]byte{"s.tar": two}, change: func(s *Shards) { all(s); s.Label = "" },
			train: []string{"s.tar:a/1.png=-1", "s.tar:a/2.x.png=-1"}},
		{name: "named classes", files: map[string][]byte{"s.tar": two}, change: func(s *Shards) {
			all(s)
			s.Classes = []string{"cat", "dog", "cow"}
		},
			train: []string{"s.tar:a/1.png=1", "s.tar:a/2.x.png=0"}, classes: []string{"cat", "dog", "cow"}},
		{name: "json, names sorted", change: func(s *Shards) { all(s); s.Label = "json.kind" },
			files: map[string][]byte{"s.tar": filetest.Tar(t, "1.json", `{"kind":"dog","x":[1]}`, "1.png", pic, "2.png",
				pic,
				"2.JSON", `{"kind":"cat"}`)},
			train: []string{"s.tar:1.png=1", "s.tar:2.png=0"}, classes: []string{"cat", "dog"}},
		{name: "json, integers", change: func(s *Shards) { all(s); s.Label = "json.y" },
			files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.json", `{"y":1}`, "2.png", pic, "2.json",
				`{"y":"0"}`)},
			train: []string{"s.tar:1.png=1", "s.tar:2.png=0"}, classes: []string{"0", "1"}},
		{name: "ten classes and more are in order of number", change: all,
			files: map[string][]byte{"s.tar": func() []byte {
				var p []any
				for i := range 11 {
					p = append(p, fmt.Sprintf("%02d.png", i), pic, fmt.Sprintf("%02d.cls", i), fmt.Sprint(i))
				}
				return filetest.Tar(t, p...)
			}()},
			train: []string{"s.tar:00.png=0", "s.tar:01.png=1", "s.tar:02.png=2", "s.tar:03.png=3", "s.tar:04.png=4",
				"s.tar:05.png=5", "s.tar:06.png=6",
				"s.tar:07.png=7", "s.tar:08.png=8", "s.tar:09.png=9", "s.tar:10.png=10"},
			classes: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}},
		{name: "one of several images", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.left.png", pic,
			"1.right.png",
			pic, "1.cls", "0")},
			change: func(s *Shards) { all(s); s.Image = "right.png" }, train: []string{"s.tar:1.right.png=0"},
			classes: []string{"0"}},
		{name: "refused within the limit", change: func(s *Shards) { all(s); s.MaxSkipped = 7 }, skipped: 7,
			files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0", "2.png", pic[:40], "2.cls",
				"0",
				"3.png", pic, "4.cls", "0", "5.png", pic, "5.cls", "",
				"/abs/1.png", pic, "up/../../1.png", pic, "6.png", tar.Header{Typeflag: tar.TypeSymlink,
					Linkname: "/etc/passwd"})},
			train: []string{"s.tar:1.png=0"}, classes: []string{"0"}},
		{name: "absolute path", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0",
			"/etc/1.png",
			pic)}, change: all,
			message: "s.tar:/etc/1.png: an absolute path, or one with .."},
		{name: "path that leads up", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0",
			"a/../../x.png", pic)}, change: all,
			message: "s.tar:a/../../x.png: an absolute path, or one with .."},
		{name: "path that stays below", files: map[string][]byte{"s.tar": filetest.Tar(t, "a/../x.png", pic, "1.png",
			pic,
			"1.cls", "0")}, change: all,
			message: "s.tar:a/../x.png: an absolute path, or one with .."},
		{name: "symbolic link", change: all, message: `s.tar:2.png: an entry of type '2' (a link`,
			files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0", "2.png",
				tar.Header{Typeflag: tar.TypeSymlink, Linkname: "1.png"})}},
		{name: "hard link", change: all, message: `s.tar:2.png: an entry of type '1' (a link`,
			files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0", "2.png",
				tar.Header{Typeflag: tar.TypeLink, Linkname: "1.png"})}},
		{name: "no label", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic)}, change: all,
			message: `no label .cls (label = "" reads`},
		{name: "label without image", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.cls", "0")}, change: all,
			message: "a label without an image"},
		{name: "label that is no class", files: map[string][]byte{"s.tar": two}, change: func(s *Shards) {
			all(s)
			s.Classes = []string{"only"}
		},
			message: `1 of 2 images are refused, max_skipped allows 0: `},
		{name: "negative label", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0", "2.png",
			pic,
			"2.cls", "-1")}, change: all,
			message: `label "-1", want 0 to 0`},
		{name: "label of an absurd class", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0",
			"2.png", pic, "2.cls", "4000000000")}, change: all,
			message: `label "4000000000", want 0 to 0`},
		{name: "a word among numbers", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0",
			"2.png",
			pic, "2.cls", "cat")}, change: all,
			message: `s.tar:2.png: label "cat" is no number, and 1 of 2 are; name the classes`},
		{name: "gap in the labels", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.cls", "0",
			"2.png",
			pic, "2.cls", "2")}, change: all,
			message: "labels run from 0 to 2, and no training image has label 1"},
		{name: "json without key", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.json",
			`{"a":1}`)},
			change: func(s *Shards) { all(s); s.Label = "json.b" }, message: `.json: no key "b"`},
		{name: "json of another kind", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.json",
			`{"b":[1]}`)},
			change: func(s *Shards) { all(s); s.Label = "json.b" }, message: `"b" is [1], want a string or an integer`},
		{name: "same name twice", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.png", pic)},
			change: all, message: "1.png: the shard holds a file of this name before"},
		{name: "two images", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png", pic, "1.jpg", jpg)},
			change:  all,
			message: `a second image of sample 1, beside .png; choose with image = "jpg"`},
		{name: "cut in an image", files: map[string][]byte{"s.tar": two[:550]}, change: all,
			message: "the shard ends at 550: it is truncated"},
		{name: "cut between files", files: map[string][]byte{"s.tar": two[:1024]}, change: all,
			message: "the file ends at byte 1024 without the empty block"},
		{name: "cut between files behind a block of zeros", files: map[string][]byte{"s.tar": filetest.Tar(t, "1.png",
			pic,
			"1.cls", "0", "2.bin", make([]byte, 512))[:4*512+1024]}, change: all,
			message: "the file ends at byte 3072 without the empty block"},
		{name: "two archives one after the other", files: map[string][]byte{"s.tar": slices.Concat(two, one)},
			change: all,
			train:  []string{"s.tar:a/1.png=1", "s.tar:a/2.x.png=0", "s.tar:1.jpg=1"}, classes: []string{"0", "1"}},
		{name: "two, compressed together",
			files:   map[string][]byte{"s.tar.gz": filetest.Gzip(slices.Concat(two, make([]byte, 5120), one))},
			change:  func(s *Shards) { s.Train = []string{"s.tar.gz"} },
			train:   []string{"s.tar.gz:a/1.png=1", "s.tar.gz:a/2.x.png=0", "s.tar.gz:1.jpg=1"},
			classes: []string{"0", "1"}},
		{name: "two, compressed apart", files: map[string][]byte{"s.tar": slices.Concat(filetest.Gzip(two),
			filetest.Gzip(one))},
			change: all,
			train:  []string{"s.tar:a/1.png=1", "s.tar:a/2.x.png=0", "s.tar:1.jpg=1"}, classes: []string{"0", "1"}},
		{name: "empty blocks at the end", files: map[string][]byte{"s.tar": slices.Concat(two, make([]byte, 9999))},
			change: all,
			train:  []string{"s.tar:a/1.png=1", "s.tar:a/2.x.png=0"}, classes: []string{"0", "1"}},
		{name: "the same archive twice", files: map[string][]byte{"s.tar": slices.Concat(two, two)}, change: all,
			message: "a/1.png: the shard holds a file of this name before"},
		{name: "something else behind an archive",
			files: map[string][]byte{"s.tar": slices.Concat(two, bytes.Repeat([]byte("text "), 200))}, change: all,
			message: fmt.Sprintf("the archive ends before byte %d, and what follows is no archive: archive/tar: "+
				"invalid tar header", len(two))},
		{name: "a few bytes behind an archive", files: map[string][]byte{"s.tar": slices.Concat(two, []byte("end"))},
			change: all,
			message: fmt.Sprintf("the archive ends before byte %d, and 3 bytes follow that are no archive: 65 6e 64",
				len(two))},
		{name: "the second is cut", files: map[string][]byte{"s.tar": slices.Concat(two, one[:1024])}, change: all,
			message: fmt.Sprintf("1.jpg: %d bytes from byte %d on, and the shard ends at %d", len(jpg), len(two)+512,
				len(two)+1024)},
		{name: "gzip checksum", files: map[string][]byte{"s.tar": func() []byte {
			z := filetest.Gzip(two)
			z[len(z)-8] ^= 1
			return z
		}()}, change: all, message: "invalid checksum"},
		{name: "gzip cut", files: map[string][]byte{"s.tar": filetest.Gzip(two)[:60]}, change: all, message: "s.tar: "},
		{name: "not a tar", files: map[string][]byte{"s.tar": bytes.Repeat([]byte("hello "), 200)}, change: all,
			message: "want a tar file"},
		{name: "empty file", files: map[string][]byte{"s.tar": nil}, change: all, message: "the file is truncated"},
		{name: "compressed beyond memory", files: map[string][]byte{"s.tar": filetest.Gzip(two)},
			change: func(s *Shards) {
				all(s)
				s.Memory = 10
			}, message: "take more than memory = 10B"},
		{name: "no match", change: all, message: "matches no file"},
		{name: "missing", change: func(s *Shards) { s.Train = []string{"s{0..1}.tar"} },
			message: "s0.tar: no such file"},
		{name: "named twice", files: map[string][]byte{"s.tar": two}, change: func(s *Shards) {
			s.Train = []string{"s.tar", "*.tar"}
		}, message: "is named twice"},
		{name: "no train", change: func(*Shards) {}, message: "train is empty"},
		{name: "class named twice", change: func(s *Shards) { all(s); s.Classes = []string{"a", "b", "a"} },
			message: `classes has "a" twice`},
		{name: "json alone", change: func(s *Shards) { all(s); s.Label = "json" }, message: "want the key too"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			s := NewShards()
			c.change(s)
			d, err := s.Open(datasets.Env{BaseDir: dir})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			var test []string
			if d.Test != nil {
				test = filetest.Listing(dir, d.Test)
			}
			if train := filetest.Listing(dir, d.Train); !slices.Equal(train, c.train) || !slices.Equal(test, c.test) ||
				!slices.Equal(d.Train.Classes(), c.classes) {
				t.Errorf("got %q, %q, classes %q; want %q, %q, %q", train, test, d.Train.Classes(), c.train, c.test,
					c.classes)
			}
			if len(d.Skipped) != c.skipped {
				t.Errorf("%d skipped, want %d: %v", len(d.Skipped), c.skipped, d.Skipped)
			}
		})
	}
}

// What is read on demand, from plain and from compressed shards, is what is kept in memory.
func TestShardsOnDemand(t *testing.T) {
	var pairs []any
	for i := range 8 {
		pairs = append(pairs, fmt.Sprintf("%d.png", i), filetest.Encoded(t, ".png", filetest.Noisy(5+i, 7, i)),
			fmt.Sprintf("%d.cls", i),
			fmt.Sprint(i%2))
	}
	plain := filetest.Tar(t, pairs...)
	dir := filetest.Tree(t, map[string][]byte{"p.tar": plain, "z.tar.gz": filetest.Gzip(plain)})
	var sets []*datasets.Data
	for _, c := range []struct {
		shard  string
		memory setting.Size
	}{{"p.tar", 1 << 20}, {"p.tar", 0}, {"z.tar.gz", 1 << 20}} {
		s := NewShards()
		s.Train, s.TestFraction, s.Memory = []string{c.shard}, 0.25, c.memory
		d, err := s.Open(datasets.Env{BaseDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, d)
	}
	var a, b datasets.Image
	for k, d := range sets {
		if d.Train.Len() != 6 || d.Test.Len() != 2 || d.Height != 0 {
			t.Errorf("set %d: %d + %d images of height %d, want 6 + 2 of several heights", k, d.Train.Len(),
				d.Test.Len(), d.Height)
		}
		for i := range d.Train.Len() {
			if err := sets[0].Train.(datasets.Set).Image(i, &a); err != nil {
				t.Fatal(err)
			}
			if err := d.Train.(datasets.Set).Image(i, &b); err != nil || !bytes.Equal(a.Pix, b.Pix) || a.H != b.H {
				t.Errorf("set %d, image %d differs (%v)", k, i, err)
			}
			file, err := d.Train.(datasets.Encoded).Bytes(i, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := new(codec.Decoder).Decode(file, &b); err != nil || !bytes.Equal(a.Pix, b.Pix) {
				t.Errorf("set %d, image %d: its bytes decode to other pixels (%v)", k, i, err)
			}
		}
	}
}

// FuzzShards holds that no shard, whatever it claims, does more than fail. Nothing goes through a file, so that
// thousands are tried a second.
func FuzzShards(f *testing.F) {
	pic := filetest.Encoded(f, ".png", filetest.Picture(2, 3, filetest.Red, false))
	good := filetest.Tar(f, "1.png", pic, "1.cls", "0", "1.json", `{"label":"x"}`, "2.png", pic, "2.cls", "1")
	labels := []string{"", "cls", "json.label"}
	for i := range labels {
		f.Add(good, byte(i))
		f.Add(filetest.Gzip(good), byte(i))
		f.Add(slices.Concat(good, filetest.Tar(f, "3.png", pic, "3.cls", "0")), byte(i))
		f.Add(good[:700], byte(i))
		f.Add(filetest.Tar(f, "../1.png", pic, "1.cls", "9999999", "1.png", pic), byte(i))
		f.Add(filetest.Tar(f, "1.cls", "1048575", "1.png", pic), byte(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, label byte) {
		s := NewShards()
		s.Label, s.MaxPixels, s.Memory, s.MaxSkipped = labels[int(label)%len(labels)], 1<<10, 1<<16, 100
		var d *datasets.Data
		var err error
		took := filetest.MemoryOf(func() {
			x := indexer{Shards: s, left: int64(s.Memory)}
			var train []disk.File
			if train, err = x.entries("s.tar", bytes.NewReader(in), int64(len(in)), disk.InMemory(in)); err == nil {
				d, err = x.open(train, nil)
			}
		})
		// The tables of an image's decoder, and what a compressed shard unpacks to, up to its memory; the rest by the
		// length of the file.
		if took > uint64(4<<20+1000*len(in)) {
			t.Fatalf("%d bytes took %d bytes of memory (%v)", len(in), took, err)
		}
		if err != nil {
			return
		}
		var m datasets.Image
		for i := range d.Train.Len() {
			if err := d.Train.(datasets.Set).Image(i, &m); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A sparse file (as GNU tar --sparse writes it) takes less of an archive than its size: it is refused, and what follows
// it is read.
func TestShardWithSparseFile(t *testing.T) {
	packed, err := os.ReadFile("testdata/sparse.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"s.tar.gz": packed, "s.tar": plain} {
		s := NewShards()
		s.Train, s.MaxSkipped = []string{name}, 1
		d, err := s.Open(datasets.Env{BaseDir: filetest.Tree(t, map[string][]byte{name: content})})
		if err != nil || d.Train.Len() != 1 || d.Train.Label(0) != 0 || len(d.Skipped) != 1 ||
			!strings.HasSuffix(d.Skipped[0].Name, "sp.bin") {
			t.Errorf("%s: got %+v (%v), want one image and sp.bin refused", name, d, err)
		}
	}
}

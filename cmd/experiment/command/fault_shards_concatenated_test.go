package command

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shard is a tar of n pictures in classes 0 and 1, numbered from first on.
func shard(t *testing.T, first, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, content []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)),
			Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	for i := first; i < first+n; i++ {
		add(fmt.Sprintf("%03d.png", i), picture(t, 1+i))
		add(fmt.Sprintf("%03d.cls", i), []byte(fmt.Sprint(i%2)))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A container that goes on after its end, or is shorter than it says, is read to its end or refused with the byte: data
// verify never says that half a set is whole. Shards, recordings, IDX, CIFAR and packs.
func TestFaultShardsConcatenated(t *testing.T) {
	dir := t.TempDir()
	a, b := shard(t, 0, 15), shard(t, 15, 15)
	le := binary.LittleEndian
	wav := func(riff, data uint32, samples int) []byte {
		w := le.AppendUint32([]byte("RIFF"), riff)
		w = append(w, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"...)
		return append(le.AppendUint32(w, data), bytes.Repeat([]byte{0, 1}, samples)...)
	}
	idx := append([]byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	cifar := map[string][]byte{}
	for _, name := range []string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5",
		"test_batch"} {
		cifar["cifar/"+name+".bin"] = make([]byte, 2*3073)
	}
	files := map[string][]byte{
		"two.tar": slices.Concat(a, b), "junk.tar": append(slices.Clone(a), "this is no archive"...),
		"cut.tar":    slices.Concat(a, b[:2048]),
		"pipe/1.wav": wav(0xffffffff, 0xffffffff, 800), "pipe/2.wav": wav(0, 0, 800),
		"pair/1.wav": slices.Concat(wav(1636, 1600, 800), wav(1636, 1600, 800)),
		"more.idx":   append(slices.Clone(idx), 9), "less.idx": idx[:len(idx)-1],
	}
	for name, content := range cifar {
		files[name] = content
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, recipe string
		status       int
		part         string
	}{
		{"two shards in one file", "base = \"quickstart.toml\"\n[dataset.shards]\ntrain = [\"two.tar\"]\n", 0,
			": 30 samples read, 0 damaged, 0 left out"},
		{"something else behind a shard", "base = \"quickstart.toml\"\n[dataset.shards]\ntrain = [\"junk.tar\"]\n", 3,
			fmt.Sprintf("the archive ends before byte %d, and 18 bytes follow that are no archive", len(a))},
		{"a second shard that is cut", "base = \"quickstart.toml\"\n[dataset.shards]\ntrain = [\"cut.tar\"]\n", 3,
			fmt.Sprintf("the file ends at byte %d without the empty block that closes a tar", len(a)+2048)},
		{"recordings from a pipe", "[data.wav]\ntrain = \"pipe\"\n", 0, ": 2 samples read, 0 damaged, 0 left out"},
		{"two recordings in one file", "[data.wav]\ntrain = \"pair\"\n", 3,
			"the last chunk ends at byte 1644 of 3288, and what follows is none: 52 49 46 46"},
		{"a byte behind an IDX file", "base = \"quickstart.toml\"\n[dataset.idx]\ntrain_images = \"more.idx\"\n", 3,
			"more data than the 8 bytes the header [2 2 2] claims, from byte 24 of the unpacked file on"},
		{"an IDX file without its last byte",
			"base = \"quickstart.toml\"\n[dataset.idx]\ntrain_images = \"less.idx\"\n", 3,
			"7 bytes of data, the header [2 2 2] claims 8: the file is truncated"},
		{"CIFAR cut between images", "base = \"quickstart.toml\"\n[dataset.cifar10]\npath = \"cifar\"\n", 3,
			"data_batch_1.bin: 6146 bytes are 2 images, the published file has 10000: it is cut"},
		{"CIFAR cut between images, and meant", "base = \"quickstart.toml\"\n[dataset.cifar10]\npath = " +
			"\"cifar\"\npartial = true\n", 0, ": 12 samples read, 0 damaged, 0 left out"},
	} {
		file := filepath.Join(dir, "r.toml")
		if err := os.WriteFile(file, []byte(c.recipe), 0o666); err != nil {
			t.Fatal(err)
		}
		if status, out, errs := call("data", "verify", file); status != c.status ||
			!strings.Contains(out+errs, c.part) {
			t.Errorf("%s: status %d, want %d and %q in\n%s%s", c.name, status, c.status, c.part, out, errs)
		}
	}
	file := filepath.Join(dir, "r.toml")
	if err := os.WriteFile(file, []byte("base = \"quickstart.toml\"\n[dataset.shards]\ntrain = [\"two.tar\"]\n"+
		"test_fraction = 0.2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := call("data", "info", file); status != 0 || !strings.Contains(out, "train  24") &&
		!strings.Contains(out, "train      24") {
		t.Errorf("data info of two shards in one file: status %d, want 24 training images in\n%s%s", status, out, errs)
	}
}

package inspect

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/recipes"
)

// A source file is described and verified sample by sample; a float that is no number is found where the samples are
// read.
func TestSource(t *testing.T) {
	dir := t.TempDir()
	wav := func(samples ...uint32) []byte {
		le := binary.LittleEndian
		b := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x03\x00\x01\x00"), 0x40, 0x1f, 0, 0, 0, 0x7d,
			0, 0, 4, 0, 32, 0)
		b = le.AppendUint32(append(b, "data"...), uint32(4*len(samples)))
		for _, s := range samples {
			b = le.AppendUint32(b, s)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"w/good.wav": wav(0, 0x3f000000), "w/nan.wav": wav(0, 0x7fc00000, 0, 0), "w/short.wav": wav(0)[:20],
		"s.toml": []byte("[data.wav]\ntrain = \"w\"\nmax_skipped = 1\ntest_fraction = 0\n"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "s.toml")
	o, err := OpenSource(path, nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	facts, err := o.Describe()
	if err != nil {
		t.Fatal(err)
	}
	info := facts.String()
	for _, want := range []string{"source    wav", "train     2", "test      none", "coding    32-bit float",
		"rate      8000 samples a second"} {
		if !strings.Contains(info, want+"\n") {
			t.Errorf("want %q in\n%s", want, info)
		}
	}
	if want := "left out  1: " + filepath.Join(dir, "w", "short.wav") + ": "; !strings.Contains(info, want) {
		t.Errorf("want %q in\n%s", want, info)
	}
	v := o.Verify()
	if v.Samples != 2 || len(v.LeftOut) != 1 || len(v.Damaged) != 1 || !strings.Contains(v.Damaged[0].Error,
		"sample 1 is NaN") {
		t.Errorf("got %+v, want 2 samples read, one left out and the NaN found", v)
	}
	if err := v.Err(path); err == nil {
		t.Error("damage is no error")
	}
	if _, err := OpenSource(path, []string{"data.wav.max_skipped=0"}, recipes.Builtin()); err == nil ||
		!strings.Contains(err.Error(), "short.wav") {
		t.Errorf("a refused file: %v", err)
	}
}

package experiment

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folderOf writes what a table reads of a run.
func folderOf(t *testing.T, name string, seed, more string, test string, hits map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	text := "name = \"" + name + "\"\nseed = " + seed + "\n" + more
	if err := os.WriteFile(filepath.Join(dir, ResolvedFile), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	h := Hits{Test: test}
	for _, rep := range []string{"trained", "untrained", "pixels", "raw"} {
		if hits[rep] == "" {
			continue
		}
		var bits Bits
		for _, c := range hits[rep] {
			bits = append(bits, c == '1')
		}
		h.Images = len(bits)
		h.Of = append(h.Of, Hit{"knn k=1 top1", rep, bits}, Hit{"knn k=1 top5", rep, bits})
	}
	out, err := json.Marshal(h)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, hitsFile), out, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestResults(t *testing.T) {
	a1 := folderOf(t, "a", "1", "", "T", map[string]string{"trained": "1111111100", "untrained": "0000000000",
		"pixels": "1111000000"})
	a2 := folderOf(t, "a", "2", "", "T", map[string]string{"trained": "1111110000", "untrained": "0000000000",
		"pixels": "1111000000"})
	b1 := folderOf(t, "b", "1", "", "T", map[string]string{"trained": "1111111111"})
	res, err := ReadResults([]string{a2, a1, b1}, "a")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"| recipe | seeds | evaluation | trained | untrained | pixels | trained less untrained | trained less " +
			"pixels | less a |",
		"|---|---|---|---|---|---|---|---|---|",
		// 8 images differ: 6 in both seeds, 2 in one; all to one side: p = 2/2^8. From pixels 4 images: p = 2/2^4.
		"| a | 1, 2 | knn k=1 top1 | 0.700 ± 0.141 (0.397-0.892) | 0.000 ± 0.000 (0.000-0.278) | 0.400 ± 0.000 " +
			"(0.168-0.687) | +0.700, p = 0.0078, ahead in 2 of 2 | +0.300, p = 0.12, ahead in 2 of 2 |  |",
		// Only seed 1 is in both.
		"| b | 1 | knn k=1 top1 | 1.000 (0.722-1.000) |  |  |  |  | +0.200, p = 0.5, ahead in 1 of 1 |",
	}
	if got := res.Markdown(); !strings.HasPrefix(got, strings.Join(want, "\n")+"\n\nAccuracies are means") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	for _, c := range []struct {
		name    string
		dirs    []string
		against string
		want    string
	}{
		{"the same seed twice", []string{a1, folderOf(t, "a", "1", "", "T", map[string]string{"trained": "1"})}, "",
			"there are two runs of a with seed 1"},
		{"another recipe of the name", []string{a1, folderOf(t, "a", "2", "[train]\nbatch = 7\n", "T",
			map[string]string{"trained": "1"})}, "", "are both called a and differ in more than the seed"},
		{"another test set", []string{a1, folderOf(t, "a", "3", "", "U", map[string]string{"trained": "1111111111"})},
			"", "the test set of a is another than that of its other seeds"},
		{"no run", []string{t.TempDir()}, "", "has no hits.json: it is not done, or has no accuracy on a test set"},
		{"nobody of that name", []string{a1}, "c", "--against c: none of the runs is called that"},
	} {
		if _, err := ReadResults(c.dirs, c.against); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	cut := folderOf(t, "a", "1", "", "T", map[string]string{"trained": "111111111"})
	text, _ := os.ReadFile(filepath.Join(cut, hitsFile))
	os.WriteFile(filepath.Join(cut, hitsFile), []byte(strings.Replace(string(text), `"images":9`, `"images":17`, 1)),
		0o666)
	if _, err := ReadHits(cut); err == nil || !strings.Contains(err.Error(), "16 bits, want those of 17 images") {
		t.Errorf("too few bits: got %v", err)
	}
}

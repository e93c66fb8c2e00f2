package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Eight processes that begin runs in one folder at the same time give the eight runs that they would give alone, and
// what reads the folder meanwhile sees runs and nothing broken. Eight that want the same run folder give one run: the
// others are refused, and the run is whole.
func TestManyProcesses(t *testing.T) {
	const many = 8
	root := t.TempDir()
	begin := func(args func(i int) []string) (all []*process) {
		for i := range many {
			p := command(append(append([]string{"run", "quickstart.toml", "--threads", "1"}, tiny...), args(i)...)...)
			p.start(t)
			all = append(all, p)
		}
		return all
	}
	all := begin(func(i int) []string { return []string{"--runs", root, "--set", fmt.Sprintf("seed=%d", 1+i/2)} })
	for range 3 {
		if status, _, errs := call("runs", root, "--json"); status != 0 {
			t.Errorf("runs, beside them: status %d %s", status, errs)
		}
	}
	for _, p := range all {
		p.ended(t, 0)
	}
	folders, err := filepath.Glob(filepath.Join(root, "*", "summary.json"))
	if err != nil || len(folders) != many {
		t.Fatalf("%d runs are done (%v), want %d", len(folders), err, many)
	}
	var weights []string
	for _, f := range folders {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(f), "export", "encoder.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		weights = append(weights, string(b))
	}
	slices.Sort(weights)
	if n := len(slices.Compact(weights)); n != many/2 {
		t.Errorf("%d different encoders of %d seeds", n, many/2)
	}

	dir := filepath.Join(root, "one")
	done := 0
	for _, p := range begin(func(int) []string { return []string{"--run-dir", dir} }) {
		p.Wait()
		switch said := p.said(); {
		case p.ProcessState.ExitCode() == 0:
			done++
		case !strings.Contains(said, dir):
			t.Errorf("status %d, which does not name %s: %s", p.ProcessState.ExitCode(), dir, said)
		}
	}
	if status, out, errs := call("show", dir); done != 1 || status != 0 || !strings.Contains(out, "done") {
		t.Errorf("%d processes trained in one folder, want 1; it shows, with status %d, %s%s", done, status, out, errs)
	}
}

package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// trained is the folder of a run of a moment.
func trained(t *testing.T, sets ...string) string {
	t.Helper()
	root := t.TempDir()
	args := append([]string{"run", "quickstart.toml", "--runs", root}, tiny...)
	for _, s := range append([]string{"evaluate.knn=false"}, sets...) {
		args = append(args, "--set", s)
	}
	if status, _, errs := call(args...); status != 0 {
		t.Fatalf("run: status %d: %s", status, errs)
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "*"))
	if len(dirs) != 1 {
		t.Fatalf("run folders %v, want one", dirs)
	}
	return dirs[0]
}

// embed writes features and names of an unlabelled folder; what it cannot use is refused with the promised status.
func TestEmbed(t *testing.T) {
	run, photos, to := trained(t), pictures(t, 5, 0, ""), filepath.Join(t.TempDir(), "features.npy")
	status, out, errs := call("embed", run, photos, "-o", to)
	if want := to + ": 5 images, 16 numbers each; their names: " + strings.TrimSuffix(to, ".npy") +
		".csv\n"; status != 0 || out != want {
		t.Errorf("status %d, %s%s; want %s", status, out, errs, want)
	}
	if text, err := os.ReadFile(strings.TrimSuffix(to, ".npy") + ".csv"); err != nil || !strings.HasPrefix(string(text),
		"row,set,name,label\n0,,00.png,\n1,,01.png,\n") {
		t.Errorf("names: %v\n%s", err, text)
	}
	source := filepath.Join(t.TempDir(), "table.toml")
	if err := os.WriteFile(source, []byte("[data.table]\ntrain = \"x.csv\"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{run, photos}, 2, "want a file to write, as -o features.npy"},
		{[]string{run, photos, "-o", "features.txt"}, 2, "ends in one of .npy, .parquet, .safetensors"},
		{[]string{run, filepath.Join(photos, "nowhere"), "-o", to}, 2, "no such file"},
		{[]string{run, pictures(t, 3, 1, "a"), "-o", to}, 3, "00.png"},
		{[]string{run, t.TempDir(), "-o", to}, 3, "no images in"},
		{[]string{run, "emoji-simclr.toml", "-o", to}, 3, "3 channels, the run's encoder takes 1"},
		{[]string{run, source, "-o", to}, 3, "x.csv"},
		{[]string{run, photos, "-o", to, "--set", "seed=1"}, 2, "--set changes a recipe"},
		{[]string{photos, photos, "-o", to}, 3, "is no run folder"},
		{[]string{run, photos, "-o", to, "--best"}, 3, "has no best checkpoint"},
	} {
		status, _, errs := call(append([]string{"embed"}, c.args...)...)
		if status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("embed %v: status %d, want %d, and %q in %s", c.args, status, c.status, c.want, errs)
		}
	}
}

// neighbours prints a table or JSON, draws a sheet, and refuses what it cannot use with the promised status.
func TestNeighbours(t *testing.T) {
	run, photos, sheet := trained(t), pictures(t, 5, 0, ""), filepath.Join(t.TempDir(), "near.png")
	query := filepath.Join(photos, "03.png")
	convert := []string{"neighbours", run, photos, "--query", query, "-k", "2", "--convert"}
	status, out, errs := call(append(convert, "--sheet", sheet)...)
	if lines := strings.Split(out, "\n"); status != 0 || len(lines) != 6 ||
		lines[0] != query+": the nearest of 5 images" || !strings.HasPrefix(lines[2], "03.png") || lines[4] != sheet {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
	if _, err := os.Stat(sheet); err != nil {
		t.Error(err)
	}
	var near struct {
		Queries []struct{ Neighbours []struct{ Name string } }
	}
	_, out, _ = call(append(convert, "--json")...)
	if err := json.Unmarshal([]byte(out), &near); err != nil || len(near.Queries) != 1 ||
		len(near.Queries[0].Neighbours) != 2 || near.Queries[0].Neighbours[0].Name != "03.png" {
		t.Errorf("%s: %v", out, err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{run}, 2, "as --query FILE"},
		{[]string{run, "--query", query, "-k", "0"}, 2, "-k 0: want 1 or more"},
		{[]string{run, "--query", query, "--sheet", "x.jpg"}, 2, "ends in .png"},
		{[]string{run, "--query", filepath.Join(run, "run.json")}, 3, "unknown format (want png"},
		{[]string{photos, "--query", query}, 3, "is no run folder"},
	} {
		status, _, errs := call(append([]string{"neighbours"}, c.args...)...)
		if status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("neighbours %v: status %d, want %d, and %q in %s", c.args, status, c.status, c.want, errs)
		}
	}
}

package compare

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"selfsup/experiment"
	"selfsup/recipes"
)

// folders writes n run folders as runs leave them: recipes of two methods, three temperatures and seeds, with twelve
// results. The last four are being written or are broken.
func folders(t testing.TB, n int) string {
	t.Helper()
	root := t.TempDir()
	var origins [2]string
	for i, name := range []string{"quickstart.toml", "vicreg.toml"} {
		r, err := recipes.Load(name, nil, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := r.WriteOrigins(&text); err != nil {
			t.Fatal(err)
		}
		origins[i] = text.String()
	}
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("run-%05d", i))
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(origins[i%2], "temperature = 0.2 ", fmt.Sprintf("temperature = 0.%d ", 1+i/2%3), 1)
		text = strings.Replace(text, "seed = 1 ", fmt.Sprintf("seed = %d ", i), 1)
		write(dir, experiment.OriginsFile, text)
		write(dir, experiment.ResolvedFile, text)
		var results []string
		for k, of := range []string{"trained", "untrained", "pixels"} {
			for _, measure := range []string{`"knn","metric":"top1","k":20`, `"knn","metric":"top5","k":20`,
				`"linear","metric":"top1"`, `"linear","metric":"top5"`} {
				results = append(results, fmt.Sprintf(`{"protocol":%s,"value":%v,"accuracy":true,"representation":%q,`+
					`"settings":{"distance":"cosine","temperature":0.1,"vote":"weighted"},"set":"test",`+
					`"interval":[0.7,0.9]}`, measure, float64(i%100)/100/float64(k+1), of))
			}
		}
		summary := fmt.Sprintf(`{"run":%q,"steps":100,"seconds":3,"loss":1.5,"evaluations":[%s]}`, dir,
			strings.Join(results, ",\n"))
		status := `{"state":"done","step":100,"steps":100,"recipe":"0","basedir":"/","totals":{}}`
		switch n - i {
		case 1: // a process has just made it
			continue
		case 2:
			status = status[:20]
		case 3:
			summary = summary[:200]
		case 4:
			status = strings.Replace(status, "done", "running", 1)
			write(dir, "heartbeat", "")
		}
		write(dir, "run.json", status)
		if n-i != 4 {
			write(dir, "summary.json", summary)
		}
	}
	return root
}

// A condition finds its runs among thousands; what is broken is named and hides nothing else.
func TestWhereAmongMany(t *testing.T) {
	const n = 600
	root := folders(t, n)
	write := filepath.Join(root, "notes.txt")
	if err := os.WriteFile(write, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	runs, err := experiment.History(root, time.Now())
	if err != nil || len(runs) != n {
		t.Fatalf("%d runs, %v; want %d", len(runs), err, n)
	}
	states := map[string]int{}
	for _, r := range runs {
		if states[r.State]++; r.State == experiment.Unreadable && r.Error == "" {
			t.Errorf("%s is unreadable for no reason", r.Run)
		}
	}
	if want := fmt.Sprint(map[string]int{"done": n - 4, "running": 1, "unreadable": 3}); fmt.Sprint(states) != want {
		t.Errorf("states %v, want %v", states, want)
	}
	w, err := ParseWhere("method=simclr and method.simclr.temperature=0.2 and knn>0.8")
	if err != nil {
		t.Fatal(err)
	}
	found, err := w.Of(runs)
	want := 0
	for i := range n - 4 {
		if i%2 == 0 && i/2%3 == 1 && i%100 > 80 {
			want++
		}
	}
	if err != nil || len(found) != want || want == 0 {
		t.Errorf("%d runs, %v; want %d", len(found), err, want)
	}
}

// The aim is 5,000 run folders within a second.
func BenchmarkWhere5000(b *testing.B) {
	root := folders(b, 5000)
	w, err := ParseWhere("method=simclr and knn>0.8")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		runs, err := experiment.History(root, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		if found, err := w.Of(runs); err != nil || len(found) < 400 {
			b.Fatal(len(found), err)
		}
	}
}

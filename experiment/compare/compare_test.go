package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"selfsup/evaluations"
	"selfsup/experiment"
)

// runOf writes what a comparison reads of a run, in root/name-seed. knn says of every test image whether it is right.
func runOf(t *testing.T, root, name string, seed int, settings, knn string, loss float64) string {
	t.Helper()
	dir := filepath.Join(root, fmt.Sprintf("%s-%d", name, seed))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	write := func(file string, v any) {
		text, err := json.Marshal(v)
		if s, is := v.(string); is {
			text = []byte(s)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	head := fmt.Sprintf("name = %q  # --set\nseed = %d  # --set\n", name, seed)
	write(experiment.OriginsFile, head+settings)
	write(experiment.ResolvedFile, head+settings)
	write("run.json", experiment.Status{State: "done", Step: 10, Steps: 10})
	var bits experiment.Bits
	right := 0
	for _, c := range knn {
		bits = append(bits, c == '1')
		right += int(c - '0')
	}
	result := func(protocol, metric, set string, value float64, lower bool) experiment.Evaluation {
		return experiment.Evaluation{Representation: "trained", Set: set,
			Result: evaluations.Result{Protocol: protocol, Metric: metric, Value: value, Lower: lower,
				Accuracy: protocol == "knn"}}
	}
	share := float64(right) / float64(len(knn))
	write("summary.json", experiment.Summary{Run: dir, Evaluations: []experiment.Evaluation{
		result("knn", "top1", "validation", 0.1, false), result("knn", "top1", "test", share, false),
		result("knn", "top5", "test", 1, false), result("mse", "mse", "test", loss, true)}})
	write("hits.json", experiment.Hits{Images: len(knn), Test: "T", Of: []experiment.Hit{
		{Evaluation: "knn top1", Representation: "trained", Right: bits}}})
	return dir
}

const (
	train = "[train]\nbatch = 8  # default\n"
	cold  = "[method.simclr]  # x.toml:2\ntemperature = 0.1  # x.toml:3\nwide = 7  # paper default\n" + train
	warm  = "[method.simclr]  # x.toml:2\ntemperature = 0.2  # x.toml:3\nwide = 7  # paper default\n" + train
	byol  = "[method.byol]  # x.toml:2\nmomentum = 0.9  # paper default\n" + train
)

// Runs of all settings but the seed are one row; workers and names do not tell them apart.
func TestGroups(t *testing.T) {
	root := t.TempDir()
	first := runOf(t, root, "cold", 2, cold+"workers = 1  # --set\n", "1100", 0)
	runOf(t, root, "again", 1, cold+"workers = 2  # --set\n", "1100", 0)
	twin := runOf(t, root, "twin", 2, cold+"workers = 4  # --set\n", "1100", 0)
	runOf(t, root, "warm", 1, warm+"workers = 1  # --set\n", "1100", 0)
	running := runOf(t, root, "running", 1, warm, "1100", 0)
	if err := os.WriteFile(filepath.Join(running, "run.json"), []byte(`{"state":"failed","step":3,"steps":9}`),
		0o666); err != nil {
		t.Fatal(err)
	}
	groups, remarks, err := Read([]string{first, filepath.Join(root, "warm-1"), root}, nil, time.Now())
	if err != nil || len(groups) != 2 {
		t.Fatalf("%d groups, %v; want 2", len(groups), err)
	}
	if got := groups[0].Seeds(); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("seeds %v, want 1 and 2", got)
	}
	want := []string{twin + " is left out: " + first + " is of the same recipe and seed 2",
		running + " is left out: it is failed (step 3 of 9)"}
	slices.Sort(remarks)
	slices.Sort(want)
	if !slices.Equal(remarks, want) {
		t.Errorf("remarks %q, want %q", remarks, want)
	}
	if Find(groups, "warm") != groups[1] || Find(groups, first+"/") != groups[0] || Find(groups, "x") != nil {
		t.Error("groups are not found by name and folder")
	}
	where, err := ParseWhere("method.simclr.temperature>0.1")
	if err != nil {
		t.Fatal(err)
	}
	if groups, remarks, err := Read([]string{root}, where, time.Now()); err != nil || len(groups) != 1 ||
		groups[0].Label != "warm" || len(remarks) != 1 { // the one that failed
		t.Errorf("where: %d groups, %q, %v; want warm alone", len(groups), remarks, err)
	}
	for dir, want := range map[string]string{t.TempDir(): "is no run folder and holds none",
		running: "none of the runs is done: " + running} {
		if _, _, err := Read([]string{dir}, nil, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Columns are the settings that differ, without those that follow from a choice.
func TestDiffering(t *testing.T) {
	root := t.TempDir()
	for i, c := range []struct {
		runs []string
		want string
	}{
		{[]string{cold, cold}, ""},
		{[]string{cold, warm}, "method.simclr.temperature"},
		{[]string{cold, byol}, "method"},
		{[]string{cold, warm, byol}, "method method.simclr.temperature"},
		{[]string{cold, strings.Replace(cold, "8", "9", 1)}, "train.batch"},
		{[]string{cold, strings.Replace(cold, "wide = 7  # paper default\n", "", 1)}, ""}, // of an earlier version
		{[]string{cold, strings.Replace(cold, "wide = 7  # paper default\n", "wide = 8  # x.toml:9\n", 1)},
			"method.simclr.wide"},
		{[]string{cold + "new = 2  # --set\n", cold}, "train.new"},
		{[]string{cold + "[labelled.few_shot]  # x.toml:3\nseed = 1  # x.toml:4\n",
			cold + "[labelled.few_shot]  # x.toml:3\nseed = 2  # x.toml:4\n"}, ""},
		{[]string{byol, byol + "[evaluate.knn]  # x.toml:3\nk = 3  # default\n"}, "evaluate.knn"},
	} {
		var dirs []string
		for k, settings := range c.runs {
			dirs = append(dirs, runOf(t, root, fmt.Sprintf("%c%d", 'a'+i, k), 1, settings, "1", 0))
		}
		groups, _, err := Read(dirs, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(Differing(groups), " "); got != c.want {
			t.Errorf("case %d: %q, want %q", i, got, c.want)
		}
	}
	got := Headings([]string{"method.simclr.temperature", "evaluate.knn.temperature", "train.batch"})
	if want := []string{"simclr.temperature", "knn.temperature", "batch"}; !slices.Equal(got, want) {
		t.Errorf("headings %q, want %q", got, want)
	}
}

// Worked by hand: differences 0.2, 0.3 and 0.4 have mean 0.3 and deviation 0.1; Student's t at 0.975 with two degrees
// of freedom is 4.3027.
func TestTables(t *testing.T) {
	root := t.TempDir()
	var dirs []string
	for seed, hits := range []string{"1111100000", "1111110000", "1111111000"} {
		dirs = append(dirs, runOf(t, root, "cold", seed+1, cold, hits, 2))
	}
	for seed, hits := range []string{"1111111000", "1111111110", "1111111111"} { // 0.2, 0.3, 0.3
		dirs = append(dirs, runOf(t, root, "warm", seed+1, warm, hits, 1+float64(seed)/10))
	}
	dirs = append(dirs, runOf(t, root, "byol", 2, byol, "1111110000", 2)) // as cold's seed 2
	groups, _, err := Read(dirs, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Tables(groups, groups[0], []string{"knn", "mse"})
	if err != nil {
		t.Fatal(err)
	}
	row := tables[0].Rows[1]
	half := 4.302653 * math.Sqrt((0.04+0.09+0.09-3*0.8*0.8/9)/2/3)
	d := row.Difference
	if math.Abs(row.Mean-2.6/3) > 1e-9 || d.Seeds != 3 || math.Abs(d.Mean-0.8/3) > 1e-9 || d.Of != "seeds" ||
		math.Abs(d.Interval[0]-(0.8/3-half)) > 1e-6 || math.Abs(d.Interval[1]-(0.8/3+half)) > 1e-6 ||
		d.Verdict != Better {
		t.Errorf("got %+v, %+v; want 0.2667 +- %v", row, d, half)
	}
	if d := tables[0].Rows[2].Difference; d.Seeds != 1 || d.Of != "test images" || *d.Interval != [2]float64{} ||
		d.Verdict != WithinNoise {
		t.Errorf("of one seed with the same hits: %+v, want 0 to 0 over test images", d)
	}
	if d := tables[1].Rows[1].Difference; !tables[1].Lower || d.Mean >= 0 || d.Verdict != Better {
		t.Errorf("of a measure of which less is better: %+v, want better", d)
	}
	for measure, want := range map[string]string{"mse": Better, "knn": Better} {
		if d, err := groups[1].less(groups[0], measure); err != nil || d.Verdict != want {
			t.Errorf("%s: %+v, %v; want %s", measure, d, err, want)
		}
		if d, err := groups[0].less(groups[1], measure); err != nil || d.Verdict != Worse {
			t.Errorf("%s: %+v, %v; want %s", measure, d, err, Worse)
		}
	}
	if d := tables[1].Rows[2].Difference; d.Interval != nil || d.Verdict != Unknown {
		t.Errorf("of one seed without hits: %+v, want no interval", d)
	}
	text := Text(tables, 0)
	for _, want := range []string{"run   method  temperature  seeds    mean       ±  less cold                95 %",
		"cold  simclr          0.1      3  0.6000  0.1000\n", "byol    byol            -      1  0.6000 ",
		"within noise *\n", "\n* of one pair of runs: the interval is that", "mse, less is better\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text is\n%s\nwant %q in it", text, want)
		}
	}
	for _, line := range strings.Split(Text(tables, 78), "\n") {
		if !strings.Contains(line, "interval") && len([]rune(line)) > 78 {
			t.Errorf("a line of %d columns, want at most 78: %s", len([]rune(line)), line)
		}
	}
	if got, err := Tables(groups, groups[0], nil); err != nil || len(got) != 2 || got[0].Measure != "knn top1" ||
		got[1].Measure != "mse" {
		t.Errorf("the usual measures are %v, %v; want knn top1 and mse", got, err)
	}
	if _, err := Tables(groups, groups[0], []string{"linear"}); err == nil || !strings.Contains(err.Error(),
		"none of the runs has the result linear; they have validation knn top1, knn top1, knn top5, mse") {
		t.Errorf("an unknown measure: %v", err)
	}
}

// Outcomes of two runs are over the seeds beside them, unless they are compared alone.
func TestOutcomes(t *testing.T) {
	root := t.TempDir()
	a := runOf(t, root, "cold", 1, cold, "1111100000", 2)
	runOf(t, root, "cold", 2, cold, "1111110000", 2)
	b := runOf(t, root, "warm", 1, warm, "1111110000", 1)
	runOf(t, root, "warm", 2, warm, "1111111100", 1)
	other := runOf(t, root, "byol", 7, byol, "1111100001", 1)
	if err := os.Mkdir(filepath.Join(root, "notes"), 0o777); err != nil {
		t.Fatal(err)
	}
	of := func(dir string, alone bool) *Group {
		g, why, err := Siblings(dir, alone, time.Now())
		if err != nil || g == nil || why != "" {
			t.Fatalf("%s: %v, %v", dir, g, err)
		}
		return g
	}
	knn := func(a, b *Group) Outcome {
		list, err := Outcomes(a, b)
		if err != nil || len(list) != 4 || list[1].Evaluation != "knn top1" {
			t.Fatalf("got %v, %v; want four results", list, err)
		}
		return list[1]
	}
	// Differences 0.1 and 0.2: t is 12.7062 with one degree of freedom.
	both := knn(of(a, false), of(b, false))
	if math.Abs(both.A-0.55) > 1e-9 || math.Abs(both.B-0.7) > 1e-9 || math.Abs(both.Mean-0.15) > 1e-9 ||
		math.Abs(both.Interval[0]-(0.15-12.7062*0.05)) > 1e-5 || both.Seeds != 2 || both.Verdict != WithinNoise {
		t.Errorf("over two seeds: %+v", both)
	}
	one := knn(of(a, true), of(b, true))
	if one.A != 0.5 || one.B != 0.6 || one.Seeds != 1 || one.Of != "test images" || one.Verdict != WithinNoise {
		t.Errorf("alone: %+v", one)
	}
	if text := OutcomeTable([]Outcome{one}); !strings.Contains(text,
		"within noise *\nwithin noise: the interval has 0 in it.\n"+
			"* of one pair of runs") {
		t.Errorf("the table is\n%s", text)
	}
	if o := knn(of(other, false), of(other, false)); o.Mean != 0 || *o.Interval != [2]float64{} {
		t.Errorf("a run and itself: %+v", o)
	}
	unpaired := knn(of(a, false), of(other, false)) // no seed in common, one run on a side
	if math.Abs(unpaired.A-0.55) > 1e-9 || unpaired.B != 0.6 || unpaired.Verdict != Unknown || unpaired.Seeds != 0 {
		t.Errorf("of other seeds: %+v", unpaired)
	}
	// 0.6 and 0.8 less 0.5 and 0.6: variances 0.02 and 0.005 of two values give 1.47 degrees of freedom.
	runOf(t, root, "byol", 8, byol, "1111111100", 1)
	welch := knn(of(a, false), of(other, false))
	if _, low, _ := evaluations.ApartInterval([]float64{0.6, 0.8}, []float64{0.5, 0.6}); welch.Of != "seeds" ||
		math.Abs(welch.Mean-0.15) > 1e-9 || math.Abs(welch.Interval[0]-low) > 1e-9 || welch.Seeds != 0 {
		t.Errorf("of other seeds: %+v, want the lower end %v", welch, low)
	}
	if text := OutcomeTable([]Outcome{welch}); !strings.Contains(text, "within noise †\n") ||
		!strings.Contains(text, "\n† no seed in common") {
		t.Errorf("the table is\n%s", text)
	}
	if text := SidesText(of(a, false), of(other, false)); text != "a: cold-1 (seed 1), cold-2 (seed 2)\n"+
		"b: byol-7 (seed 7), byol-8 (seed 8)\n" {
		t.Errorf("the sides are %q", text)
	}
	if g, _, err := Siblings(root, false, time.Now()); err == nil {
		t.Errorf("a folder of runs: %v, want an error", g)
	}
	if err := os.WriteFile(filepath.Join(b, "run.json"), []byte(`{"state":"diverged","step":3,"steps":9}`),
		0o666); err != nil {
		t.Fatal(err)
	}
	if g, why, err := Siblings(b, false, time.Now()); g != nil || err != nil || why != "it is diverged (step 3 of 9)" {
		t.Errorf("a run that is not done: %v, %q, %v", g, why, err)
	}
}

// Whether more is better is known of accuracies, and of results that say that less is.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		accuracy, lower bool
		low, high       float64
		want            string
	}{
		{true, false, 0.1, 0.2, Better}, {true, false, -0.2, -0.1, Worse}, {true, false, -0.1, 0.1, WithinNoise},
		{false, true, 0.1, 0.2, Worse}, {false, true, -0.2, -0.1, Better}, {false, true, 0, 0.1, WithinNoise},
		{false, false, 0.1, 0.2, Higher}, {false, false, -0.2, -0.1, Lower}, {false, false, 0, 0, WithinNoise},
	} {
		d := Difference{Interval: &[2]float64{c.low, c.high}}
		d.judge(&experiment.Evaluation{Result: evaluations.Result{Accuracy: c.accuracy, Lower: c.lower}})
		if d.Verdict != c.want {
			t.Errorf("%+v: %s", c, d.Verdict)
		}
	}
}

package compare

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"selfsup/evaluations"
	"selfsup/experiment"
	"selfsup/recipes/overlay"
)

// some are three runs: two that are done and one that goes on.
func some() []experiment.Past {
	of := func(name, state, method, length string, temperature string, knn float64) experiment.Past {
		p := experiment.Past{Run: filepath.Join("runs", name), State: state, Step: 10, Steps: 100,
			Began: time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)}
		p.Settings = []overlay.Written{{Key: "method", Value: method}, {Key: "method." + method + ".temperature",
			Value: temperature}, {Key: "train.length", Value: `"` + length + `"`}, {Key: "evaluate.knn", Value: "true"},
			{Key: "name", Value: `"` + name + `"`}, {Key: "method." + method + ".projector", Value: "[8, 16]"}}
		if state == "done" {
			result := func(metric, representation, set string, value float64) {
				p.Evaluations = append(p.Evaluations, experiment.Evaluation{Representation: representation, Set: set,
					Result: evaluations.Result{Protocol: "knn", Metric: metric, Value: value, K: 20}})
			}
			result("top1", "trained", "validation", 0.99)
			result("top1", "trained", "test", knn)
			result("top5", "trained", "test", knn+0.1)
			result("top1", "untrained", "test", 0.5)
			p.Course = &experiment.Course{Seconds: 7, Loss: 1.5}
		}
		return p
	}
	return []experiment.Past{of("a", "done", "simclr", "80 epochs", "0.2", 0.81),
		of("b", "done", "moco", "100 epochs", "0.07", 0.7), of("c", "running", "simclr", "500 steps", "0.5", 0)}
}

func TestWhere(t *testing.T) {
	for _, c := range []struct{ where, want string }{
		{"method=simclr", "a c"},
		{"method == simclr and knn>0.8", "a"},
		{"method!=simclr", "b"},
		{"knn>0.7", "a"},
		{"knn>=0.7", "a b"},
		{"knn<0.8", "b"}, // what has no result fulfils nothing
		{"not knn<0.8", "a c"},
		{"knn.top5<=0.8", "b"},
		{`"knn top5"<=0.8`, "b"},
		{`"knn k=20 top1" < 0.8`, "b"},
		{`"validation knn k=20 top1" < 0.8`, ""},
		{"untrained.knn=0.5", "a b"},
		{"trained.knn.top1=0.7", "b"},
		{"method=moco or method=simclr and state=running", "b c"}, // and binds more
		{"(method=moco or method=simclr) and state=running", "c"},
		{"not (method=moco or state=running)", "a"},
		{"not not method=moco", "b"},
		{"method.*.temperature<0.1", "b"},
		{"*.length='80 epochs'", "a"},
		{"method.simclr.temperature>0.2", "c"},
		{"method.simclr.temperature=2e-1", "a"},
		{"train.length>'80 epochs'", "b"},
		{"train.length='500 steps'", "c"},
		{"method.moco.projector='[8,16]'", "b"},
		{"run~^[ab]$", "a b"},
		{"state=done and seconds<10 and loss=1.5", "a b"},
		{"began>=2026-03 and step=10 and steps<=100", "a b c"},
		{"began<2026-03-04", ""},
	} {
		w, err := ParseWhere(c.where)
		if err != nil {
			t.Errorf("%s: %v", c.where, err)
			continue
		}
		runs, err := w.Of(some())
		var got []string
		for _, r := range runs {
			got = append(got, filepath.Base(r.Run))
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.where, got, err, c.want)
		}
	}
	w, _ := ParseWhere("knn>0.5")
	if got, err := w.Of(some()[2:]); err != nil || len(got) != 0 {
		t.Errorf("of a run that goes on: %v, %v; want none of them, and no error", got, err)
	}
	if got, err := w.Of(nil); err != nil || len(got) != 0 {
		t.Errorf("of no runs: %v, %v", got, err)
	}
	broken := some()[:1]
	broken[0].State = experiment.Unreadable
	if got, err := w.Of(append(broken, some()[1])); err != nil || len(got) != 1 {
		t.Errorf("beside an unreadable folder: %v, %v; want one", got, err)
	}
}

func TestWhereErrors(t *testing.T) {
	for _, c := range []struct{ where, want string }{
		{"", "want a name, as in method=simclr"},
		{"method", "want =, !=, <, <=, >, >= or ~ (a regular expression) after method\n  method\n        ^"},
		{"method=", "want a value after method="},
		{"method = simclr knn > 1", "knn: want and, or, or the end; a value with brackets or spaces goes in " +
			"quotes\n  method = simclr knn > 1\n                  ^"},
		{"(method=simclr", "this bracket is not closed\n  (method=simclr\n  ^"},
		{"method=simclr)", "): want and, or, or the end"},
		{"method=>3", "want =, !=, <, <=, >, >= or ~"},
		{"run~[", "[ is no regular expression"},
		{"and", "want =, !=, <, <=, >, >= or ~ (a regular expression) after and"},
		{"'run=3", "want a name"},
		{"methd=simclr", "no run has methd, did you mean method?\n  methd=simclr\n  ^"},
		{"temperature>1", "did you mean method.moco.temperature"},
		{"method.*=1", "no run has method.*"},
		{"*.*.*.temperature=1", "no run has *.*.*.temperature"},
		{"nowhere=1", "no run has nowhere, want a setting such as train.batch"},
		{"linear>0.5", "no run has linear"},
		{"method>3", "method is simclr in the runs, which cannot be compared with 3"},
		{"train.length>50", "train.length is 500 steps in the runs, which cannot be compared with 50"},
	} {
		w, err := ParseWhere(c.where)
		if err == nil {
			_, err = w.Of(some())
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v\nwant %s", c.where, err, c.want)
		}
	}
}

// Any text is a condition or an error.
func FuzzParseWhere(f *testing.F) {
	for _, text := range []string{"method=simclr and (knn>0.8 or not run~x)", "'a b'!=\"c\"", "((", "a=b=c", "é=ü )"} {
		f.Add(text)
	}
	runs := some()
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWhere(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "--where: ") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		w.Of(runs)
	})
}

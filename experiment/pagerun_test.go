package experiment

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"selfsup/experiment/report/page"
)

func curvesOf(t *testing.T, text string, points int) []page.Series {
	t.Helper()
	path := filepath.Join(t.TempDir(), MetricsFile)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	all, err := readCurves(path, points)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Lines that a killed process wrote before it was taken up again count once, evaluations get the epoch and seconds of
// their step, and of two results of one name at one step the first is drawn, which is the validation's.
func TestReadCurves(t *testing.T) {
	all := curvesOf(t, `{"step":10,"epoch":1,"loss":4,"rate":0.1,"seconds":2,"data_wait":0}
{"step":15,"validation knn top1":0.5}
{"step":20,"epoch":2,"loss":9,"rate":0.1,"seconds":5,"data_wait":0}
{"step":20,"epoch":2,"loss":3,"only":7,"rate":0.2,"seconds":4,"data_wait":0}
{"step":20,"rankme":30,"linear top1":0.75,"rankme":31}
{"step":30,"epo`, 100)
	if len(all) != 2 || all[0].Kind != "training" || all[1].Kind != "evaluation" {
		t.Fatalf("%+v", all)
	}
	same := func(name string, got page.Numbers, want ...float64) {
		t.Helper()
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
			t.Errorf("%s %v, want %v", name, got, want)
		}
	}
	train, evaluated := all[0], all[1]
	if want := []string{"loss", "rate", "data_wait", "only"}; !slices.Equal(train.Names, want) {
		t.Errorf("curves %v, want %v", train.Names, want)
	}
	same("step", train.Step, 10, 20)
	same("seconds", train.Seconds, 2, 4)
	same("loss", train.Values[0], 4, 3)
	same("only", train.Values[3], math.NaN(), 7)
	if want := []string{"validation knn top1", "rankme", "linear top1"}; !slices.Equal(evaluated.Names, want) {
		t.Errorf("evaluations %v, want %v", evaluated.Names, want)
	}
	same("epoch", evaluated.Epoch, 1.5, 2)
	same("seconds", evaluated.Seconds, 3, 4)
	same("rankme", evaluated.Values[1], math.NaN(), 30)
}

// A long run is drawn by means of neighbouring lines, at the step that the last of them ends with.
func TestCurvesAreMeansOfMany(t *testing.T) {
	text := ""
	for _, l := range []string{"1", "2", "3", "4", "5"} {
		text += `{"step":` + l + `,"epoch":` + l + `,"loss":` + l + `,"seconds":` + l + "}\n"
	}
	s := curvesOf(t, text, 3)[0]
	if s.Every != 2 || !slices.Equal(s.Step, page.Numbers{2, 4, 5}) ||
		!slices.Equal(s.Values[0], page.Numbers{1.5, 3.5, 5}) {
		t.Errorf("%+v, want means of two at 2, 4 and 5", s)
	}
}

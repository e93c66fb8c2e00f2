package experiment_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"selfsup/experiment"
)

// A method that asks data for what they do not have says so, and which methods of the catalog they can serve: those
// that train, and no other.
func TestMethodsThatTakeTheData(t *testing.T) {
	for _, method := range []string{"simclr", "moco", "rotation"} {
		_, err := experiment.Prepare(loadRows(t, ofRows, "method="+`"`+method+`"`))
		if err == nil {
			t.Fatalf("%s takes rows", method)
		}
		before, list, found := strings.Cut(err.Error(), "; methods that take the rows of dataset.table with "+
			"backbone.mlp: ")
		if !found || !strings.Contains(before, "rows of a table have no field") ||
			!strings.Contains(before, "they have view0") ||
			!strings.Contains(before, "[method."+method+"]: the method asks") ||
			!regexp.MustCompile(`\((contrastive|origins)/[a-z]+\.go:\d+\)$`).MatchString(before) {
			t.Errorf("%s: got %v, want what rows have and the methods that take them", method, err)
			continue
		}
		takers := strings.Split(list, ", ")
		for name, takes := range map[string]bool{"supervised": true, "simclr": false, "byol": false, "mae": false,
			"rotation": false} {
			if got := strings.Contains(" "+strings.Join(takers, " ")+" ", " "+name+" "); got != takes {
				t.Errorf("%s: %s is listed: %v, want %v (%s)", method, name, got, takes, list)
			}
		}
		for _, name := range takers {
			if _, err := experiment.Prepare(loadRows(t, ofRows, "method="+`"`+name+`"`)); err != nil {
				t.Errorf("%s is listed, and refused: %v", name, err)
			}
		}
	}
	// So do methods that look at the samples or at the backbone before they ask.
	for method, want := range map[string]string{
		"mlm":   "[method.mlm]: the data have view0 [5]: this method guesses symbols",
		"cpc":   "[method.cpc]: the data have view0",
		"bigan": "generates images", "videomae": "no tubes to hide", "mae": "no patch tokens to hide",
		"densecl": "no feature maps", "rbm": "a backbone of them",
	} {
		_, err := experiment.Prepare(loadRows(t, ofRows, fmt.Sprintf("method=%q", method)))
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "; methods that take the rows of dataset.table with backbone.mlp: ") ||
			!strings.Contains(err.Error(), " scarf, supervised,") {
			t.Errorf("%s: got %v, want %q and the methods that take rows", method, err, want)
		}
	}
	// The place is that of the table, or of the setting that does not fit.
	text := strings.Replace(ofRows, "[method.supervised]", "[method.simclr]", 1)
	_, err := experiment.Prepare(loadRows(t, text))
	if err == nil || !strings.Contains(err.Error(), "small.toml:") || !strings.Contains(err.Error(),
		":9: [method.simclr]: ") {
		t.Errorf("got %v, want file, line and column of [method.simclr]", err)
	}
	// Without labels nothing of today's catalog is left that needs them.
	_, err = experiment.Prepare(loadRows(t, strings.Replace(ofRows, `target = "class"`, "", 1), `method="simclr"`,
		"evaluate.knn=false"))
	if err == nil || strings.Contains(err.Error(), "supervised") {
		t.Errorf("rows without labels: got %v, want no method that learns from labels", err)
	}
	// A mistake that another method would make as well gets no list.
	_, err = experiment.Prepare(load(t, small, `method="rotation"`))
	if err == nil || strings.Contains(err.Error(), "methods that take") {
		t.Errorf("views without turns: got %v, want what to set and no list", err)
	}
}

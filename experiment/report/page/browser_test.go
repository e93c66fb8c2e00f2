package page

import (
	"encoding/json"
	"html"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"selfsup/internal/browser"
)

// watching counts what goes wrong from before the page's first script on.
const watching = `<script>
window.faults = [];
addEventListener('error', e => faults.push(e.message));
document.addEventListener('securitypolicyviolation', e => {
  faults.push('policy: ' + e.violatedDirective + ' ' + e.blockedURI);
});
</script>`

// probing uses the page as a reader does, and leaves what came of it.
const probing = `<script>
const opened = performance.now();
const probe = () => {
  if (later.length > 0) return setTimeout(probe, 50);
  const found = {opened, done: performance.now(), charts: charts.length,
    tables: document.querySelectorAll('table').length, cards: document.querySelectorAll('.run').length,
    sections: [...document.querySelectorAll('h2')].map(h => h.textContent)};
  const pick = document.querySelector('select');
  for (const s of document.querySelectorAll('select')) if ([...s.options].some(o => o.value === 'seconds')) {
    s.value = 'seconds';
    s.dispatchEvent(new Event('change'));
  }
  const slide = document.querySelector('input[type=range]');
  slide.value = 0.9;
  slide.dispatchEvent(new Event('input'));
  while (later.length > 0) drawNext();
  found.labels = [...new Set(charts.map(u => u.axes[0].label))];
  const canvas = document.querySelector('.map canvas');
  if (canvas) {
    const at = canvas.getBoundingClientRect();
    const middle = {clientX: at.left + at.width / 2, clientY: at.top + at.height / 2};
    canvas.dispatchEvent(new PointerEvent('pointermove', middle));
    const hover = document.querySelector('.hover');
    found.hover = hover.hidden ? '' : hover.textContent.trim();
    found.thumb = !!hover.querySelector('.tile');
  }
  found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  found.faults = faults;
  document.documentElement.setAttribute('data-probe', JSON.stringify(found));
};
setTimeout(probe, 300);
</script></body>`

// probed is what probing found.
type probed struct {
	Opened, Done          float64 // milliseconds until the page can be read, and until all is drawn
	Charts, Tables, Cards int
	Sections              []string
	Labels                []string // of horizontal axes, after the choice of time
	Hover                 string   // what the point in the middle of the map is called
	Thumb                 bool     // its picture is there
	Wide                  float64  // pixels that the page is wider than the window
	Faults                []string
}

// probe opens a page in a browser.
func probe(t *testing.T, p *Page) (found probed) {
	t.Helper()
	text := written(t, p)
	text = strings.Replace(text, "<script", watching+"<script", 1)
	at := strings.LastIndex(text, "</body>")
	text = text[:at] + probing + text[at+len("</body>"):]
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	dom := browser.DOM(t, "file://"+file, "3")
	m := regexp.MustCompile(`data-probe="([^"]*)"`).FindStringSubmatch(dom)
	if m == nil {
		t.Fatalf("the page's scripts did not end:\n%.3000s", dom)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// dot is a picture of 2 x 2 pixels.
const dot = "data:image/gif;base64,R0lGODdhAgACAIAAAP8AAP///ywAAAAAAgACAAACAkQBADs="

// A browser draws all that a page has, under its policy, and what a reader chooses takes effect.
func TestPageInBrowser(t *testing.T) {
	p := many(2, 30)
	half, yes, no := Number(0.5), true, false
	for i := range p.Runs {
		p.Runs[i].Lines = append(p.Runs[i].Lines, Series{Kind: "evaluation", Step: Numbers{10, 30},
			Epoch: Numbers{1, 3}, Seconds: Numbers{5, 20}, Names: []string{"validation knn k=20 top1"},
			Values: Columns{{0.5, 0.7}}})
		p.Runs[i].Results = []Result{{Label: "knn k=20 top1", Representation: "trained", Value: 0.7,
			Interval: &[2]float64{0.6, 0.8}}}
	}
	p.Runs[1].Pictures = &Pictures{State: "step 30", Sample: "3 of 3", Classes: []string{"cat", "dog"},
		Labels: []int32{0, 1, 1},
		Depths: []Depth{{Name: "0", Dim: 8, KNN: &half, Linear: &half},
			{Name: "1", Behind: true, KNN: &half, Linear: &half}},
		Spectra: []Spectrum{{Name: "features", Values: Numbers{1, 0.1, 1e-5}}},
		Maps:    []Map{{Name: "pca", X: Numbers{0, 1, 2}, Y: Numbers{0, 1, 2}}},
		Thumbs:  &Sprite{Data: dot, Side: 1, Columns: 2, Count: 3},
		Queries: []Query{{Label: "cat", Near: []Found{{Tile: 1, Label: "cat", Same: &yes},
			{Tile: 2, Same: &no}}}},
		Gallery:    &Sprite{Data: dot, Side: 1, Columns: 2, Count: 3},
		Confusions: []Confusion{{Name: "linear probe", Counts: [][]int{{2, 0}, {1, 1}}}},
		Sheets:     []Sheet{{Title: "Views", Data: dot}},
	}
	p.Differences = &Differences{Keys: []string{"seed"}, Values: [][]string{{"1", "2"}},
		Origin: [][]string{{"a.toml:1", "--set"}}}
	found := probe(t, p)
	if len(found.Faults) > 0 {
		t.Errorf("faults: %v", found.Faults)
	}
	want := "Results Curves Accuracy Spectra Layers Confusion, run 1 Maps, run 1 Neighbours, run 1 Pictures, run 1 " +
		"Settings that differ"
	if got := strings.Join(found.Sections, " "); got != want {
		t.Errorf("sections %s, want %s", got, want)
	}
	if found.Charts != 13 || found.Cards != 2 { // ten of the training, one evaluated, that by time, a spectrum
		t.Errorf("%d charts and %d cards, want 13 and 2", found.Charts, found.Cards)
	}
	if got := strings.Join(found.Labels, ", "); !strings.Contains(got, "seconds of training") ||
		strings.Contains(got, "step") {
		t.Errorf("axes %s after the choice of time", got)
	}
	if found.Hover != "dog" || !found.Thumb {
		t.Errorf("the point in the middle is %q, its picture is there: %v; want dog, true", found.Hover, found.Thumb)
	}
	if found.Wide > 0 {
		t.Errorf("the page is %v pixels wider than the window", found.Wide)
	}
}

// Fifty runs open in time; that they do so in a second is said, for the machine may be busy.
func TestFiftyRunsInBrowser(t *testing.T) {
	p := many(50, 400)
	for i := range p.Runs {
		for k := range p.Runs[i].Lines[0].Values {
			p.Runs[i].Lines[0].Values[k][3] = math.NaN()
		}
	}
	found := probe(t, p)
	t.Logf("50 runs with ten curves of 400 points each can be read after %.0f ms and are drawn after "+
		"%.0f ms", found.Opened, found.Done)
	if len(found.Faults) > 0 || found.Charts != 10 || found.Cards != 50 || found.Opened > 20000 {
		t.Errorf("%d charts, %d cards, %v ms, faults %v", found.Charts, found.Cards, found.Opened, found.Faults)
	}
}

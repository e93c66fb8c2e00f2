package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

// many is a page of n runs with so many points of ten curves each.
func many(n, points int) *Page {
	p := &Page{Title: "many"}
	for i := range n {
		s := Series{Kind: "training"}
		for k := range 10 {
			s.Names, s.Values = append(s.Names, fmt.Sprintf("curve %d", k)), append(s.Values, nil)
		}
		for t := range points {
			s.Step = append(s.Step, float64(t+1))
			s.Epoch, s.Seconds = append(s.Epoch, float64(t)/7), append(s.Seconds, float64(t)*1.2345678)
			for k := range s.Values {
				s.Values[k] = append(s.Values[k], math.Sin(float64(i+k*t)))
			}
		}
		p.Runs = append(p.Runs, Run{Name: fmt.Sprint("run ", i), State: "done", Lines: []Series{s}})
	}
	return p
}

func written(t *testing.T, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A page holds everything: it names no address that a browser would load, and fifty runs are below 5 MB.
func TestPageIsAlone(t *testing.T) {
	text := written(t, many(50, 400))
	if len(text) > 5e6 {
		t.Errorf("%d bytes for 50 runs, want below 5 MB", len(text))
	}
	loads := regexp.MustCompile(`(?i)(src|href)\s*=\s*["'][^"'#][^"']*|@import|url\([^)]*|import\(|\bfetch\([^)]*`)
	for _, m := range loads.FindAllString(text, -1) {
		if !strings.HasPrefix(m, "fetch(current.live") && !strings.Contains(m, "data:") && !strings.Contains(m, "${") {
			t.Errorf("the page loads %q", m)
		}
	}
	if !strings.Contains(text, `content="default-src &#39;none&#39;; script-src`) {
		t.Errorf("no policy in the head:\n%s", text[:600])
	}
}

// What runs are called cannot end the script that holds it, or begin another.
func TestPageHoldsAnyText(t *testing.T) {
	evil := "</script><script>alert(1)</script><!-- \u2028"
	text := written(t, &Page{Title: evil, Runs: []Run{{Name: evil, About: evil}}})
	_, after, _ := strings.Cut(text, `id="data">`)
	data, _, _ := strings.Cut(after, "</script>")
	var back Page
	if err := json.Unmarshal([]byte(data), &back); err != nil || back.Runs[0].Name != evil || back.Title != evil {
		t.Errorf("%v: %q, want %q", err, back.Title, evil)
	}
	if strings.Contains(text, "<script>alert") {
		t.Error("a name became a script")
	}
}

func TestNumbers(t *testing.T) {
	text, err := json.Marshal(Numbers{0, 1, 120000, 0.123456789, math.NaN(), math.Inf(1), -2.5e-9, 1e7})
	if want := "[0,1,120000,0.12346,null,null,-2.5e-09,1e+07]"; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	var back []*float64
	if err := json.Unmarshal(text, &back); err != nil || back[2] == nil || *back[2] != 120000 {
		t.Errorf("%v %v", back, err)
	}
	if text, _ := json.Marshal(Number(0.12345678)); string(text) != "0.123457" {
		t.Errorf("%s, want 0.123457", text)
	}
}

package live

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/report/page"
)

// runAt writes what the page reads of a run that goes on.
func runAt(t *testing.T, root, name string) string {
	t.Helper()
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	recipe := "name = \"" + name + "\"  # --set\nseed = 1  # default\n"
	for file, text := range map[string]string{
		experiment.ResolvedFile: recipe, experiment.OriginsFile: recipe, "heartbeat": "",
		"run.json":             `{"state":"running","step":10,"steps":99}`,
		experiment.MetricsFile: `{"step":10,"epoch":1,"loss":4,"rate":0.1,"seconds":2}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const address = "127.0.0.1:4321"

// ask makes a request to a host.
func ask(s *Server, method, target, host, tag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if r.Host = host; tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	s.Handler(address).ServeHTTP(w, r)
	return w
}

// News come when a run has written more, and only then.
func TestNews(t *testing.T) {
	root := t.TempDir()
	dir := runAt(t, root, "one")
	runAt(t, root, "two")
	if err := os.Mkdir(filepath.Join(root, "begun"), 0o777); err != nil { // nothing in it yet
		t.Fatal(err)
	}
	s := &Server{Root: root}
	w := ask(s, "GET", "/api/page?run=one", address, "")
	var p page.Page
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 || len(p.Runs) != 1 ||
		p.Runs[0].Lines[0].Values[0][0] != 4 || p.Live != "/api/page?run=one" {
		t.Fatalf("%d, %v: %+v", w.Code, err, p)
	}
	tag := w.Header().Get("ETag")
	if w := ask(s, "GET", "/api/page?run=one", address, tag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("nothing new: %d %s", w.Code, w.Body)
	}
	f, err := os.OpenFile(filepath.Join(dir, experiment.MetricsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = io.WriteString(f, `{"step":20,"epoch":2,"loss":3,"rate":0.1,"seconds":4}`+"\n")
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	w = ask(s, "GET", "/api/page?run=one", address, tag)
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || len(p.Runs[0].Lines[0].Step) != 2 {
		t.Errorf("after a line: %d, %v: %+v", w.Code, err, p.Runs)
	}
	if w := ask(s, "GET", "/api/page", "localhost:4321", ""); w.Code != 200 ||
		!strings.Contains(w.Body.String(), `"two"`) {
		t.Errorf("all: %d %s", w.Code, w.Body)
	}
	later := &Server{Root: root, Now: func() time.Time { return time.Now().Add(time.Hour) }}
	if w := ask(later, "GET", "/api/page?run=one", address, w.Header().Get("ETag")); w.Code != 200 ||
		!strings.Contains(w.Body.String(), `"killed"`) {
		t.Errorf("an hour without a heartbeat: %d, want news of a killed run", w.Code)
	}
}

// Who asks by another name, for another thing, or to change something, is refused.
func TestRefuses(t *testing.T) {
	root := t.TempDir()
	runAt(t, root, "one")
	s := &Server{Root: root}
	for _, c := range []struct {
		method, target, host string
		want                 int
	}{
		{"GET", "/", address, 200},
		{"GET", "/", "evil.example", 403},
		{"GET", "/api/page", "evil.example:4321", 403},
		{"GET", "/", "127.0.0.1:80", 403},
		{"GET", "/", "", 403},
		{"POST", "/api/page", address, 405},
		{"GET", "/run.json", address, 404},
		{"GET", "/api/page?run=../one", address, 404},
		{"GET", "/api/page?run=none", address, 404},
	} {
		if w := ask(s, c.method, c.target, c.host, ""); w.Code != c.want {
			t.Errorf("%s %s of %q: %d, want %d", c.method, c.target, c.host, w.Code, c.want)
		}
	}
	if w := ask(s, "GET", "/", address, ""); !strings.Contains(w.Body.String(), "connect-src &#39;self&#39;") {
		t.Error("the page may not ask for news")
	}
}

// The server listens on the loopback interface, and ends when it is told to.
func TestServe(t *testing.T) {
	root := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	at, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- (&Server{Root: root}).Serve(ctx, func(a string) { at <- a }) }()
	url := <-at
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("listens at %s", url)
	}
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if r.StatusCode != 200 || !strings.Contains(string(text), "<title>") { // of a folder without runs
		t.Errorf("%d: %.80s", r.StatusCode, text)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on")
	}
	if err := (&Server{Root: filepath.Join(root, "none")}).Serve(context.Background(), func(string) {}); err == nil {
		t.Error("a folder that is not there: no error")
	}
}

// Package live serves runs while they go on, on this machine alone: the page of a report, that asks for news.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/compare"
	"selfsup/experiment/inspect"
	"selfsup/experiment/report/page"
)

// most is how many runs a page has, the newest of a folder: each is asked for again and again.
const most = 50

// Server serves the runs in a folder. It reads them, and changes nothing.
type Server struct {
	Root string
	Port int              // 0: one that is free
	Now  func() time.Time // nil: the clock
}

// Serve listens on the loopback interface until ctx ends, and tells the address when it does.
func (s *Server) Serve(ctx context.Context, ready func(address string)) error {
	if _, err := os.ReadDir(s.Root); err != nil {
		return &experiment.DataError{Err: fmt.Errorf("ui: %w", err)}
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	server := &http.Server{Handler: s.Handler(l.Addr().String()), ReadHeaderTimeout: 10 * time.Second}
	ready("http://" + l.Addr().String() + "/")
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("ui: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil { // somebody still reads
		err = server.Close()
		<-failed
		return err
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler answers requests that name the address that the server listens at. A name that somebody else's page has given
// this machine (DNS rebinding) is refused.
func (s *Server) Handler(address string) http.Handler {
	_, port, _ := net.SplitHostPort(address)
	own := []string{address, "localhost:" + port}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /api/page", s.news)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		if !slices.Contains(own, r.Host) {
			http.Error(w, "this server answers at http://"+address+"/", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// page is the page with the data of now.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	p, err := s.read(r.URL.Query())
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.WriteLive(w, p) // who has gone reads no error
}

// news is the data of now, or nothing where they are those that the reader has.
func (s *Server) news(w http.ResponseWriter, r *http.Request) {
	tag, err := s.tag(r.URL.Query())
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	p, err := s.read(r.URL.Query())
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p)
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if errors.As(err, new(*unknown)) {
		status = http.StatusNotFound
	}
	http.Error(w, err.Error(), status)
}

// unknown is a run that is asked for and not there.
type unknown struct{ name string }

func (u *unknown) Error() string { return fmt.Sprintf("there is no run %q", u.name) }

// dirs are the folders of the runs that are asked for by name, or of the newest.
func (s *Server) dirs(q url.Values) (list []string, left int, err error) {
	entries, err := os.ReadDir(s.Root)
	if err != nil {
		return nil, 0, err
	}
	type one struct {
		dir   string
		begun time.Time
	}
	var all []one
	for _, e := range entries {
		dir := filepath.Join(s.Root, e.Name())
		info, err := os.Stat(filepath.Join(dir, experiment.ResolvedFile))
		if err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "run.json")); err == nil { // it has begun
			all = append(all, one{dir, info.ModTime()})
		}
	}
	for _, name := range q["run"] {
		at := slices.IndexFunc(all, func(o one) bool { return filepath.Base(o.dir) == name })
		if at < 0 {
			return nil, 0, &unknown{name}
		}
		list = append(list, all[at].dir)
	}
	if len(list) > 0 {
		return list, 0, nil
	}
	slices.SortStableFunc(all, func(a, b one) int { return b.begun.Compare(a.begun) })
	left = max(0, len(all)-most)
	for _, o := range all[:len(all)-left] {
		list = append(list, o.dir)
	}
	slices.Reverse(list)
	return list, left, nil
}

// read makes the page of the runs that are asked for.
func (s *Server) read(q url.Values) (*page.Page, error) {
	list, left, err := s.dirs(q)
	if err != nil {
		return nil, err
	}
	p := &page.Page{Title: s.Root, Runs: []page.Run{}}
	if len(list) > 0 {
		if p, _, err = compare.Page(list, nil, s.now()); err != nil {
			return nil, err
		}
	}
	if len(list) == 1 && len(q["run"]) == 1 {
		if drawn := inspect.Pictured(list[0]); drawn != nil {
			p.Runs[0].Pictures = drawn
		}
	} else {
		p.Title = s.Root
	}
	if left > 0 {
		p.Remarks = append(p.Remarks, fmt.Sprintf("%d older runs are not shown.", left))
	}
	p.Live = "/api/page?" + q.Encode()
	return p, nil
}

// tag changes when a file that the page is made of does: names, sizes and times, which every file system has.
func (s *Server) tag(q url.Values) (string, error) {
	list, _, err := s.dirs(q)
	if err != nil {
		return "", err
	}
	h := fnv.New64a()
	for _, dir := range list {
		for _, name := range []string{"run.json", experiment.MetricsFile, "summary.json", "pictures.json"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
				fmt.Fprintln(h, dir, name, info.Size(), info.ModTime().UnixNano())
			}
		}
		io.WriteString(h, s.beating(dir))
	}
	return fmt.Sprintf(`"%x"`, h.Sum64()), nil
}

// beating says whether a run shows a sign of life: what is called killed later is news without a change of a file.
func (s *Server) beating(dir string) string {
	info, err := os.Stat(filepath.Join(dir, "heartbeat"))
	return strings.ToLower(fmt.Sprint(err == nil && s.now().Sub(info.ModTime()) < 10*time.Minute))
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

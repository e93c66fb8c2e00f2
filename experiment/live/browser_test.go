package live

import (
	"context"
	"strings"
	"testing"

	"selfsup/internal/browser"
)

// A browser draws the runs of a folder and asks for news, which it may.
func TestLiveInBrowser(t *testing.T) {
	root := t.TempDir()
	runAt(t, root, "one")
	runAt(t, root, "two")
	ctx, cancel := context.WithCancel(context.Background())
	at, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- (&Server{Root: root}).Serve(ctx, func(a string) { at <- a }) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	dom := browser.DOM(t, <-at, "4")
	for _, want := range []string{`href="?run=one"`, `href="?run=two"`, `data-news="`, "running, step 10 of 99"} {
		if !strings.Contains(dom, want) {
			t.Errorf("the page has no %s:\n%.1500s", want, dom[strings.Index(dom, "<html"):])
		}
	}
}

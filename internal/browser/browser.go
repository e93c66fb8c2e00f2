// Package browser opens pages in a headless Chromium, for tests of what scripts make of them.
package browser

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// names are what systems call the program.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

// DOM opens an address, lets its scripts run for some seconds of the page's own clock, and returns the document that
// they leave. Without a Chromium the test is skipped.
func DOM(t *testing.T, address string, seconds string) string {
	t.Helper()
	program := ""
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("there is no chromium: what scripts make of the page is not looked at")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--window-size=1200,900", "--virtual-time-budget="+seconds+"000", "--dump-dom",
		address)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = 5 * time.Second
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, errs.String())
	}
	if !strings.Contains(out.String(), "</html>") {
		t.Fatalf("%s gives no document:\n%s\n%s", program, out.String(), errs.String())
	}
	return out.String()
}

package report

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Messages is log.txt: what a run says, with the time of each line.
type Messages struct {
	f   *os.File
	now func() time.Time
	err error // the first, of writing
}

// OpenMessages goes on with a file or starts it.
func OpenMessages(path string) (*Messages, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return &Messages{f: f, now: time.Now}, nil
}

// Say adds a message. A nil Messages takes none.
func (m *Messages) Say(format string, args ...any) {
	if m == nil {
		return
	}
	at := m.now().Format(time.RFC3339)
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	if _, err := fmt.Fprintf(m.f, "%s %s\n", at, strings.ReplaceAll(text, "\n", "\n"+at+" ")); err != nil &&
		m.err == nil {
		m.err = fmt.Errorf("messages: %w", err)
	}
}

// Close closes the file, and returns the first error of writing it.
func (m *Messages) Close() error {
	if err := m.f.Close(); m.err == nil && err != nil {
		m.err = fmt.Errorf("messages: %w", err)
	}
	return m.err
}

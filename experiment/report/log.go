// Package report is how a run tells what it does: the metrics log, the progress line, tables, the machine it ran on,
// and drawings.
package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"selfsup/experiment/folder"
)

// Log writes metrics.jsonl: one JSON object a line, each with its "step". It is the truth about a run's course.
type Log struct {
	Loss float64 // in the newest line that was kept; 0: none has one

	f *os.File

	mu    sync.Mutex
	w     *bufio.Writer
	timer *time.Timer // set while lines wait for it
	wait  time.Duration
}

// OpenLog opens a log to go on with after a step: lines of later steps, and those that are no whole line with a step,
// as a crash leaves them, are dropped. Where the training has ended at that step, its evaluation comes again: what an
// earlier one wrote, a line of that step without a loss, is dropped too.
func OpenLog(path string, step int, ended bool) (*Log, error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	var kept []byte
	var loss float64
	for line := range bytes.Lines(old) {
		var at struct {
			Step *int     `json:"step"`
			Loss *float64 `json:"loss"`
		}
		if line[len(line)-1] != '\n' || json.Unmarshal(line, &at) != nil || at.Step == nil || *at.Step > step ||
			ended && *at.Step == step && at.Loss == nil {
			continue
		}
		kept = append(kept, line...)
		if at.Loss != nil {
			loss = *at.Loss
		}
	}
	if !bytes.Equal(kept, old) {
		if err := folder.WriteAtomic(path, kept); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return &Log{Loss: loss, f: f, w: bufio.NewWriter(f), wait: time.Second}, nil
}

// Field is one value of a line.
type Field struct {
	Key   string
	Value any
}

// Write adds a line of fields in their order, which reaches the file within a second. Numbers that are not finite
// become null: JSON has none. A line that fails is left out whole.
func (l *Log) Write(fields []Field) error {
	line := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			line = append(line, ',')
		}
		text, err := json.Marshal(finite(f.Value))
		if err != nil {
			return fmt.Errorf("metrics: %s: %w", f.Key, err)
		}
		key, err := json.Marshal(f.Key)
		if err != nil {
			return fmt.Errorf("metrics: key %q: %w", f.Key, err)
		}
		line = append(append(append(line, key...), ':'), text...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(append(line, "}\n"...)); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if l.timer == nil {
		// An error stays in the writer: the next call reports it.
		l.timer = time.AfterFunc(l.wait, func() { l.Flush() })
	}
	return nil
}

// finite is v, or nil for a float that is not finite.
func finite(v any) any {
	x, ok := v.(float64)
	if y, is := v.(float32); is {
		x, ok = float64(y), true
	}
	if ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
		return nil
	}
	return v
}

// Flush hands everything to the system.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Close flushes and closes the log.
func (l *Log) Close() error { return errors.Join(l.Flush(), l.f.Close()) }

package report

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Events writes the numbers of metrics.jsonl once more, as the event file that TensorBoard and its relatives read.
//
// Framing: tensorflow/core/lib/io/record_writer.cc. Messages: tensorflow/core/util/event.proto and
// framework/summary.proto.
type Events struct {
	f   *os.File
	now func() time.Time
}

const eventPrefix = "events.out.tfevents."

// OpenEvents starts another file in dir for what comes after a step. Its name sorts behind those that are there, and
// its beginning tells readers to forget what they hold of later steps.
func OpenEvents(dir string, step int, now func() time.Time) (*Events, error) {
	host, err := os.Hostname()
	if err != nil || strings.ContainsAny(host, `/\`) {
		host = "localhost"
	}
	at := now().Unix()
	old, _ := filepath.Glob(filepath.Join(dir, eventPrefix+"*"))
	for _, path := range old { // readers take files in the order of their names
		stamp, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), eventPrefix), ".")
		if n, err := strconv.ParseInt(stamp, 10, 64); err == nil {
			at = max(at, n+1)
		}
	}
	var f *os.File
	for ; ; at++ {
		f, err = os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s%d.%s", eventPrefix, at, host)),
			os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	e := &Events{f: f, now: now}
	err = e.event(0, field(3, []byte("brain.Event:2"))) // file_version
	if err == nil && step > 0 {
		err = e.event(step+1, field(7, []byte{1 << 3, 1})) // session_log: START
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return e, nil
}

// Write adds the numbers of a metrics line as scalars at the line's "step".
func (e *Events) Write(line []Field) error {
	step := 0
	var summary []byte
	for _, f := range line {
		if n, ok := f.Value.(int); ok && f.Key == "step" {
			step = n
			continue
		}
		v, ok := number(f.Value)
		if !ok {
			continue
		}
		value := field(1, []byte(f.Key)) // tag
		value = append(value, 2<<3|5)    // simple_value
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(v)))
		summary = append(summary, field(1, value)...)
	}
	return e.event(step, field(5, summary))
}

// Close closes the file.
func (e *Events) Close() error { return e.f.Close() }

// number is v as a float, if it is a number.
func number(v any) (float64, bool) {
	switch x := v.(type) {
	case int:
		return float64(x), true
	case float32:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// field is a length-delimited field of a protocol buffer.
func field(number int, data []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(number<<3|2))
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

// event writes a record: wall_time, step, and what. One call of the system a record, so that a crash cuts the last at
// most.
func (e *Events) event(step int, what []byte) error {
	msg := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(float64(e.now().UnixNano())/1e9))
	if step != 0 {
		msg = binary.AppendUvarint(append(msg, 2<<3), uint64(step))
	}
	msg = append(msg, what...)
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(msg)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, msg...)
	b = binary.LittleEndian.AppendUint32(b, masked(msg))
	if _, err := e.f.Write(b); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// masked is the CRC-32C of data as records hold it.
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}

package disk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"selfsup/setting"
)

// Limits is the settings that every source of text files has in common.
type Limits struct {
	// samples that may be refused and left out; each is named, more stop the run
	MaxSkipped int `toml:"max_skipped"`
	// what a file may take as it unpacks; texts of more stay on the disk
	Memory setting.Size `toml:"memory"`
}

// DefaultLimits tolerates no bad sample, in files up to 1 GiB.
func DefaultLimits() Limits { return Limits{Memory: 1 << 30} }

// Validate checks the settings.
func (s *Limits) Validate() error {
	switch {
	case s.MaxSkipped < 0:
		return fmt.Errorf("max_skipped = %d, want a count of samples, at least 0", s.MaxSkipped)
	case s.Memory < 1 || s.Memory > math.MaxInt32:
		return fmt.Errorf("memory = %v, want at least 1B and below 2GiB", s.Memory)
	}
	return nil
}

// ReadText is a file in UTF-8, gzip'd or not, without a byte order mark.
func ReadText(path string, limit setting.Size) ([]byte, error) {
	b, err := ReadBytes(path, limit)
	if err == nil {
		err = CheckUTF8(path, b, 1, 0)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// ReadBytes is ReadText of a file in any encoding.
func ReadBytes(path string, limit setting.Size) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file (%v)", path, info.Mode().Type())
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s: the file is empty", path)
	}
	in := io.Reader(f)
	if info.Size() > 1 {
		if in, err = Gunzip(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, NoEOF(err))
		}
	}
	b, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: after %d bytes: %w", path, len(b), NoEOF(err))
	case int64(len(b)) > int64(limit):
		return nil, fmt.Errorf("%s: unpacks to more than memory = %v", path, limit)
	}
	return bytes.TrimPrefix(b, mark), nil
}

// mark is the byte order mark of UTF-8.
var mark = []byte("\xef\xbb\xbf")

// CheckUTF8 refuses text that is not UTF-8, with line, column and byte of the file of the first byte that is not, and
// with how many lines have such bytes. The text begins in a line of the file, from 1, with one of its bytes, from 0,
// both without a byte order mark; columns count bytes from 1.
func CheckUTF8[T ~string | ~[]byte](path string, text T, line int, from int64) error {
	at := notUTF8(text)
	if at < 0 {
		return nil
	}
	b := []byte(text)
	before := b[:at]
	bad := 0
	for l := range bytes.Lines(b[bytes.LastIndexByte(before, '\n')+1:]) {
		if notUTF8(l) >= 0 {
			bad++
		}
	}
	return fmt.Errorf("%s:%d:%d: bytes % x at byte %d are not UTF-8%s; convert the file", path,
		line+bytes.Count(before, []byte{'\n'}), at-bytes.LastIndexByte(before, '\n'), b[at:min(at+4, len(b))],
		from+int64(at), others(b, bad))
}

// others says more of text that is not UTF-8, of which some lines are.
func others(b []byte, bad int) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return ", and the text begins as UTF-16 does"
	case bad > 1:
		return fmt.Sprintf(", nor is all of %d lines", bad)
	}
	return ""
}

// notUTF8 is where the first bad byte is, or -1.
func notUTF8[T ~string | ~[]byte](text T) int {
	for at := 0; at < len(text); {
		if text[at] < utf8.RuneSelf {
			at++
			continue
		}
		r, n := utf8.DecodeRuneInString(string(text[at:min(at+utf8.UTFMax, len(text))]))
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

// TextKind is the extension of a text file without .gz, in lower case.
func TextKind(path string) string {
	low := strings.ToLower(path)
	return filepath.Ext(strings.TrimSuffix(low, ".gz"))
}

// Separator is the separator of a table by its file's name.
func Separator(path string) rune {
	if TextKind(path) == ".tsv" {
		return '\t'
	}
	return ','
}

// Entry holds the values of a line of a CSV, TSV or JSONL file under the keys that are asked for; JSON may hold
// several texts under one.
type Entry struct {
	At     string // file:line
	Values [][]string
}

// ReadEntries reads the fields of each line. What one line does wrong goes to refuse.
func ReadEntries(path string, limit setting.Size, keys []string, refuse func(at string, err error)) ([]Entry, error) {
	b, err := ReadText(path, limit)
	if err != nil {
		return nil, err
	}
	switch TextKind(path) {
	case ".csv", ".tsv":
		return CSVEntries(path, b, keys, refuse)
	case ".jsonl", ".ndjson":
		return jsonEntries(path, b, keys, refuse), nil
	}
	return nil, fmt.Errorf("%s: want a file named .csv, .tsv or .jsonl, or one of these with .gz", path)
}

// CSVEntries is ReadEntries of a table in memory.
func CSVEntries(path string, b []byte, keys []string, refuse func(at string, err error)) (all []Entry, err error) {
	f, err := ReadCSV(path, Separator(path), b)
	if err != nil {
		return nil, err
	}
	columns := make([]int, len(keys))
	for k, key := range keys {
		if columns[k] = slices.Index(f.Names, key); columns[k] < 0 {
			return nil, fmt.Errorf("%s:1: no column %q, the header has %q", path, key, f.Names[:min(len(f.Names), 50)])
		}
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	err = f.Each(refuse, func(c *csv.Reader, row []string) {
		line, _ := c.FieldPos(0)
		e := Entry{fmt.Sprintf("%s:%d", path, line), make([][]string, len(keys))}
		for k, c := range columns {
			e.Values[k] = []string{row[c]}
		}
		all = append(all, e)
	})
	return all, err
}

func jsonEntries(path string, b []byte, keys []string, refuse func(at string, err error)) (all []Entry) {
	line := 0
	for text := range bytes.Lines(b) {
		line++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		e := Entry{At: fmt.Sprintf("%s:%d", path, line)}
		values, err := JSONValues(text, keys)
		if err != nil {
			refuse(e.At, err)
			continue
		}
		e.Values = values
		all = append(all, e)
	}
	return all
}

// JSONValues are the texts under keys of an object of JSON.
func JSONValues(text []byte, keys []string) (values [][]string, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("%w, want a JSON object", err)
	}
	for _, key := range keys {
		texts, err := jsonTexts(object, key)
		if err != nil {
			return nil, err
		}
		values = append(values, texts)
	}
	return values, nil
}

// jsonTexts is the text, the integer or the list of texts under a key.
func jsonTexts(object map[string]json.RawMessage, key string) ([]string, error) {
	raw, ok := object[key]
	if !ok {
		return nil, fmt.Errorf("no key %q", key)
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		return list, nil
	}
	one, err := JSONText(raw)
	if err != nil {
		return nil, fmt.Errorf("%q is %w", key, err)
	}
	return []string{one}, nil
}

// JSONText is a text that is not empty, or an integer.
func JSONText(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil && text != "" {
		return text, nil
	}
	var number int64
	if json.Unmarshal(raw, &number) == nil && string(raw) != "null" {
		return fmt.Sprint(number), nil
	}
	return "", fmt.Errorf("%.40s, want a string or an integer", raw)
}

// Extent is how many bytes of a file are its byte order mark, and how many are behind it. A file that is empty or no
// regular one is an error.
func Extent(path string) (before, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, 0, err
	case !info.Mode().IsRegular():
		return 0, 0, fmt.Errorf("%s: not a regular file (%v)", path, info.Mode().Type())
	case info.Size() == 0:
		return 0, 0, fmt.Errorf("%s: the file is empty", path)
	}
	head := make([]byte, len(mark))
	n, _ := io.ReadFull(f, head)
	if bytes.Equal(head[:n], mark) {
		before = int64(n)
	}
	return before, info.Size() - before, nil
}

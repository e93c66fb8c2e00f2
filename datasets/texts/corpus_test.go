package texts

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

// Texts that are read on demand are those that are held in memory: the same texts, names, labels and parts in the same
// order, with the same vocabulary and windows, whatever files they are in.
func TestCorpusIsTheTextsInMemory(t *testing.T) {
	r := datasets.NewRand(1, "corpus")
	word := func() string {
		w := ""
		for range 1 + r.Intn(7) {
			w += []string{"a", "b", "c", "é", "ü", "’", "'", "日", "k"}[r.Intn(9)]
		}
		return w
	}
	var prose, table, objects strings.Builder
	prose.WriteString("\xef\xbb\xbf")
	table.WriteString("\xef\xbb\xbftext,kind,part,more\n")
	for i := range 250 {
		line := ""
		for range r.Intn(30) {
			line += word() + []string{" ", "  ", ", ", "\t"}[r.Intn(4)]
		}
		prose.WriteString(line + []string{"\n", "\r\n", "\n\n", "\r\n \r\n"}[r.Intn(4)])
		text := word() + []string{" ", "\n", "\r\n"}[r.Intn(3)] + word()
		fmt.Fprintf(&table, "\"%s\",k%d,%s,%s\n", text, i%3, []string{"train", "val"}[i%5/4], word())
		if i%50 == 7 {
			table.WriteString("too,many,fields,in,it\n\n")
		}
		fmt.Fprintf(&objects, "{\"text\":%q,\"kind\":%d}\n", word()+" "+word(), i%2)
		if i%60 == 5 {
			objects.WriteString("{\n\n")
		}
	}
	for range 16000 { // a line longer than what windows are cut of at a time
		prose.WriteString(word() + " ")
	}
	dir := filetest.Tree(t, map[string][]byte{"prose.txt": []byte(prose.String()), "t.csv": []byte(table.String()),
		"o.jsonl": []byte(objects.String()), "d/x/1.txt": []byte(prose.String()), "d/x/2.txt": []byte("one\n"),
		"d/y/1.txt": []byte(strings.Repeat("two words\n", 90)), "prose.txt.gz": filetest.Gzip([]byte(prose.String())),
		"t.csv.gz": filetest.Gzip([]byte(table.String())), "o.jsonl.gz": filetest.Gzip([]byte(objects.String())),
		"p/x/1.txt.gz": filetest.Gzip([]byte(prose.String())), "p/x/2.txt": []byte("one\n"),
		"p/y/1.txt.gz": filetest.Gzip([]byte(strings.Repeat("two words\n", 90)))})
	change := map[string]func(s *Text){
		"lines":      func(s *Text) {},
		"paragraphs": func(s *Text) { s.Unit = "paragraphs" },
		"documents":  func(s *Text) { s.Train, s.Unit = "d", "documents" },
		"folders":    func(s *Text) { s.Train = "d" },
		"windows":    func(s *Text) { s.Unit, s.Window = "windows", 40 },
		"words":      func(s *Text) { s.Unit, s.Window, s.Vocabulary = "windows", 7, "words" },
		"one word":   func(s *Text) { s.Unit, s.Window, s.Vocabulary = "windows", 1, "words" },
		"long":       func(s *Text) { s.Unit, s.Window, s.Vocabulary = "windows", 90000, "characters" },
		"bytes":      func(s *Text) { s.Unit, s.Window, s.Vocabulary = "windows", 5, "bytes" },
		"pairs":      func(s *Text) { s.Unit, s.Vocabulary, s.Size = "windows", "pairs", 300 },
		"table":      func(s *Text) { s.Train, s.Label = "t.csv", "kind" },
		"parts":      func(s *Text) { s.Train, s.Label, s.Part, s.Positive = "t.csv", "kind", "part", "more" },
		"objects":    func(s *Text) { s.Train, s.Label = "o.jsonl", "kind" },
		"packed":     func(s *Text) { s.Train = "prose.txt.gz" },
		"packed table": func(s *Text) {
			s.Train, s.Label, s.Part, s.Positive = "t.csv.gz", "kind", "part", "more"
		},
		"packed objects": func(s *Text) { s.Train, s.Label = "o.jsonl.gz", "kind" },
		"packed folders": func(s *Text) { s.Train = "p" },
		"test file":      func(s *Text) { s.Train, s.Test = "d/x/1.txt", "prose.txt" },
	}
	for name, change := range change {
		t.Run(name, func(t *testing.T) {
			open := func(least int) *datasets.Data {
				s := NewText()
				s.Train, s.MaxSkipped = "prose.txt", 100
				change(s)
				if least > 0 {
					s.Memory = setSize(least)
				}
				d, err := s.Open(datasets.Env{BaseDir: dir})
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			limit := 1 << 12
			if !slices.Contains([]string{"table", "parts", "objects", "packed table", "packed objects"}, name) {
				limit = prose.Len() - 4 // the line that is long is held while it is cut
			}
			whole, part := open(0), open(limit)
			if _, on := part.Train.(*textSet).store.(*corpus); !on {
				t.Fatal("the texts are in memory")
			}
			if len(whole.Skipped) != len(part.Skipped) {
				t.Errorf("%d texts are refused, and on the disk %d", len(whole.Skipped), len(part.Skipped))
			}
			sets := [][2]datasets.Labelled{{whole.Train, part.Train}}
			if (whole.Test == nil) != (part.Test == nil) {
				t.Fatal("one has a test set")
			}
			if whole.Test != nil {
				sets = append(sets, [2]datasets.Labelled{whole.Test, part.Test})
			}
			for _, both := range sets {
				a, b := both[0].(*textSet), both[1].(*textSet)
				if a.Len() != b.Len() || !a.vocabulary.Equal(b.vocabulary) ||
					!slices.Equal(a.vocabulary.Counts(), b.vocabulary.Counts()) || !slices.Equal(a.classes, b.classes) {
					t.Fatalf("%d texts with %d symbols and classes %v, and on the disk %d with %d and %v", a.Len(),
						a.vocabulary.Len(), a.classes, b.Len(), b.vocabulary.Len(), b.classes)
				}
				order := datasets.NewRand(2, "order")
				for k := range a.Len() + 300 {
					i := k // in order, and then anyhow
					if k >= a.Len() {
						i = order.Intn(a.Len())
					}
					if a.Text(i) != b.Text(i) || a.Name(i) != b.Name(i) || a.Label(i) != b.Label(i) ||
						a.Companion(i, datasets.Positive) != b.Companion(i, datasets.Positive) {
						t.Fatalf("text %d: %s %.80q of %d, and on the disk %s %.80q of %d", i, a.Name(i), a.Text(i),
							a.Label(i), b.Name(i), b.Text(i), b.Label(i))
					}
				}
				if fmt.Sprint(a.Facts()) != fmt.Sprint(b.Facts()) {
					t.Errorf("%v, and on the disk %v", a.Facts(), b.Facts())
				}
			}
			var readers sync.WaitGroup // at a time
			for range 4 {
				readers.Add(1)
				go func() {
					defer readers.Done()
					for i := range min(200, part.Train.Len()) {
						if part.Train.(*textSet).Text(i) != whole.Train.(*textSet).Text(i) {
							t.Error("other texts by several readers")
						}
					}
				}()
			}
			readers.Wait()
		})
	}
}

// What cannot be read on demand is refused, and a file that changes is an error and no other text.
func TestCorpusRefused(t *testing.T) {
	text := strings.Repeat("some words of a line\n", 100)
	packed := filetest.Gzip([]byte(text))
	dir := filetest.Tree(t, map[string][]byte{"d/a.txt": []byte(text), "d/b.txt.gz": packed[:len(packed)-20],
		"t.txt": []byte(text), "long.txt": []byte(strings.Repeat("x", 70000) + "\n" + text),
		"latin.txt": []byte(text + "d\xe4mmern\n" + text + "\xff\n")})
	open := func(train string, skipped int) (*datasets.Data, error) {
		s := NewText()
		s.Train, s.Memory, s.MaxSkipped = train, 1000, skipped
		return s.Open(datasets.Env{BaseDir: dir})
	}
	for train, want := range map[string]string{
		"d":        "b.txt.gz: after ",
		"long.txt": "long.txt:1: a line of more than memory = 1KB",
		"latin.txt": "2 samples are refused, max_skipped allows 0: " + filepath.Join(dir, "latin.txt") + ":101: " +
			filepath.Join(dir, "latin.txt") + ":101:2: bytes e4 6d 6d 65 at byte 2101 are not UTF-8",
	} {
		if _, err := open(train, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", train, err, want)
		}
	}
	d, err := open("latin.txt", 2)
	if err != nil || len(d.Skipped) != 2 || d.Train.Len()+d.Test.Len() != 200 {
		t.Errorf("two bad lines that may be refused: %v", err)
	}
	if d, err = open("t.txt", 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "t.txt"), []byte("short\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	read := func() (err error) {
		defer datasets.Guard(&err)
		d.Train.(datasets.TextSet).Text(70)
		return nil
	}
	if err := read(); err == nil || !strings.Contains(err.Error(), "the file has changed") {
		t.Errorf("a file that became shorter: %v", err)
	}
}

var corpusBytes = flag.Int64("corpus", 8<<20, "bytes of the larger corpus whose memory is measured")

// Opening a corpus on the disk and reading windows of it takes no memory that grows with it, but for a few bytes of
// each text:
//
//	go test ./datasets/texts -run TestCorpusMemoryIsFlat -corpus 1000000000 -v -timeout 1h
//
// makes one of a gigabyte on the fly. Seen: 4.5 MB of heap with 250 MB of corpus in 170,931
// texts, 13.4 MB with 1,000 MB in 683,711.
func TestCorpusMemoryIsFlat(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // so that what is measured is in use
	small, few := corpusPeak(t, *corpusBytes/4)
	large, many := corpusPeak(t, *corpusBytes)
	t.Logf("%.1f MB of corpus: at most %.1f MB of heap, with %d texts; %.1f MB: %.1f MB, with %d",
		float64(*corpusBytes)/4e6, small/1e6, few, float64(*corpusBytes)/1e6, large/1e6, many)
	const each = 24 // 4 for the place in its part, and of the division 9 at once and their growth
	if limit := small + each*float64(many-few) + 2e6; large > limit {
		t.Errorf("%.1f MB of heap, and %.1f MB with four times the corpus, want at most %.1f MB", small/1e6, large/1e6,
			limit/1e6)
	}
}

// corpusPeak is the most bytes of heap that opening a corpus of n bytes, and reading windows of it, takes.
func corpusPeak(t *testing.T, n int64) (peak float64, texts int) {
	t.Helper()
	s := NewText()
	s.Train, s.Memory, s.Vocabulary, s.Unit, s.Window = filepath.Join(t.TempDir(), "corpus.txt"), 1<<20, "words",
		"windows", 256
	f, err := os.Create(s.Train)
	if err != nil {
		t.Fatal(err)
	}
	r := datasets.NewRand(1, "words")
	var line strings.Builder
	for written := int64(0); written < n; written += int64(line.Len()) {
		line.Reset()
		for range 12 {
			fmt.Fprintf(&line, "w%d ", r.Intn(3000))
		}
		line.WriteByte('\n')
		if _, err := io.WriteString(f, line.String()); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	took := filetest.PeakOf(func() {
		d, err := s.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		set, window := d.Train.(datasets.TextSet), make([]int32, 128)
		texts = d.Train.Len() + d.Test.Len()
		for i := range 200 {
			if got := set.Window(r.Intn(set.Len()), float64(i%7)/6, window); got != len(window) {
				t.Errorf("a window of %d symbols, want %d", got, len(window))
			}
		}
		runtime.KeepAlive(d)
	})
	return float64(took), texts
}

package texts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/internal/shared"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*Text)
		train   []string // name|label|text
		test    []string
		skipped int
		message string
	}{
		{name: "lines", files: map[string][]byte{"t.txt": []byte("one\r\n\n two\nthree")},
			train: []string{"t.txt:1|-1|one", "t.txt:3|-1| two", "t.txt:4|-1|three"}},
		{name: "paragraphs", files: map[string][]byte{"t.txt": []byte("one\ntwo\n \n\nthree\n\n")},
			change: func(s *Text) { s.Unit = "paragraphs" },
			train:  []string{"t.txt:1|-1|one\ntwo", "t.txt:5|-1|three"}},
		{name: "windows of characters", files: map[string][]byte{"t.txt": []byte("aé\ncde")}, change: func(s *Text) {
			s.Unit, s.Window = "windows", 4
		},
			train: []string{"t.txt:1|-1|aé\nc", "t.txt:2|-1|de"}},
		{name: "windows of bytes", files: map[string][]byte{"t.txt": []byte("abéc")}, change: func(s *Text) {
			s.Unit, s.Window, s.Vocabulary = "windows", 3, "bytes"
		},
			train: []string{"t.txt:1|-1|ab", "t.txt:1|-1|éc"}},
		{name: "windows of words", files: map[string][]byte{"t.txt": []byte("It's late,\nshe said. Go!")},
			change: func(s *Text) { s.Unit, s.Window, s.Vocabulary = "windows", 4, "words" },
			train:  []string{"t.txt:1|-1|It's late,\nshe ", "t.txt:2|-1|said. Go!"}},
		{name: "folders of documents", files: map[string][]byte{"d/b/1.txt": []byte("x\ny"),
			"d/a/1.txt.gz": filetest.Gzip([]byte("z")), "d/a/no.md": nil},
			change: func(s *Text) { s.Train, s.Unit = "d", "documents" }, train: []string{"d/a/1.txt.gz:1|0|z",
				"d/b/1.txt:1|1|x\ny"}},
		{name: "labelled passages", files: map[string][]byte{"t.csv": []byte("text,mood\n\"a\nb\",good\nc,bad\n")},
			change: func(s *Text) { s.Train, s.Label = "t.csv", "mood" }, train: []string{"t.csv:2|1|a\nb",
				"t.csv:4|0|c"}},
		{name: "parts by a column", files: map[string][]byte{"t.tsv": []byte("text\tpart\na\ttrain\nb\tval\n")},
			change: func(s *Text) { s.Train, s.Part = "t.tsv", "part" }, train: []string{"t.tsv:2|-1|a"},
			test: []string{"t.tsv:3|-1|b"}},
		{name: "lines of JSON", files: map[string][]byte{"t.jsonl": []byte("{\"text\":\"a\",\"n\":3}\n\n" +
			"{\"text\":\"b\",\"n\":10}\n")},
			change: func(s *Text) { s.Train, s.Label = "t.jsonl", "n" }, train: []string{"t.jsonl:1|1|a",
				"t.jsonl:3|0|b"}},
		{name: "test file", files: map[string][]byte{"t.txt": []byte("a"), "u.txt": []byte("b")},
			change: func(s *Text) { s.Test = "u.txt" }, train: []string{"t.txt:1|-1|a"},
			test: []string{"u.txt:1|-1|b"}},
		{name: "bad lines left out", files: map[string][]byte{"t.jsonl": []byte("{\"text\":\"a\"}\n{\"text\":\n" +
			"{\"text\":\"\"}\n[]\n{\"text\":null}\n{\"other\":1}\n")},
			change: func(s *Text) { s.Train, s.MaxSkipped = "t.jsonl", 5 }, train: []string{"t.jsonl:1|-1|a"},
			skipped: 5},
		{name: "bad line", files: map[string][]byte{"t.jsonl": []byte("{\"text\":\"a\"}\n{\"text\":\n")},
			change: func(s *Text) { s.Train = "t.jsonl" }, message: "t.jsonl:2: unexpected end of JSON input"},
		{name: "empty label", files: map[string][]byte{"t.csv": []byte("text,mood\na,\n")}, change: func(s *Text) {
			s.Train, s.Label = "t.csv", "mood"
		}, message: `t.csv:2: "mood" is empty`},
		{name: "unknown part", files: map[string][]byte{"t.csv": []byte("text,part\na,spare\n")},
			change:  func(s *Text) { s.Train, s.Part = "t.csv", "part" },
			message: `t.csv:2: split "spare", want train or one of`},
		{name: "no column", files: map[string][]byte{"t.csv": []byte("body\na\n")}, change: func(s *Text) {
			s.Train = "t.csv"
		}, message: `t.csv:1: no column "text", the header has ["body"]`},
		{name: "not UTF-8", files: map[string][]byte{"t.txt": []byte("good\nb\xe4d")},
			message: "t.txt:2:2: bytes e4 64 at byte 6 are not UTF-8; convert the file"},
		{name: "surrogate", files: map[string][]byte{"t.txt": []byte("\xed\xa0\x80")},
			message: "t.txt:1:1: bytes ed a0 80 at byte 0 are not UTF-8"},
		{name: "white space", files: map[string][]byte{"t.txt": []byte("\n \n")},
			message: "3 bytes of white space, want text"},
		{name: "empty", files: map[string][]byte{"t.txt": nil}, message: "t.txt: the file is empty"},
		{name: "truncated gzip", files: map[string][]byte{"t.txt.gz": filetest.Gzip([]byte("some text"))[:20]},
			change: func(s *Text) { s.Train = "t.txt.gz" }, message: "t.txt.gz: after"},
		{name: "unpacks to too much", files: map[string][]byte{"t.txt.gz": filetest.Gzip(make([]byte, 1<<20))},
			change:  func(s *Text) { s.Train, s.Memory = "t.txt.gz", 1<<16 },
			message: "a line of more than memory = 64KiB"},
		{name: "column of a .txt", files: map[string][]byte{"t.txt": []byte("a")}, change: func(s *Text) {
			s.Label = "x"
		}, message: "a .txt file has none"},
		{name: "class of the test alone", files: map[string][]byte{"t.csv": []byte("text,c\na,x\n"),
			"u.csv": []byte("text,c\nb,y\n")},
			change:  func(s *Text) { s.Train, s.Test, s.Label = "t.csv", "u.csv", "c" },
			message: `class "y" of the test set is not a class`},
		{name: "unit", change: func(s *Text) { s.Unit = "words" }, message: `unit = "words", want`},
		{name: "symbols", change: func(s *Text) { s.Vocabulary = "word" }, message: `vocabulary: "word": want "char`},
		{name: "rare symbols", change: func(s *Text) { s.Least = 0 }, message: "least: 0: want at least 1"},
		{name: "rare bytes", change: func(s *Text) { s.Vocabulary, s.Least = "bytes", 2 },
			message: "least: 2: want 1, all of the 256 bytes are symbols"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			s := NewText()
			s.Train, s.TestFraction = "t.txt", 0
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(datasets.Env{BaseDir: dir})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			list := func(s datasets.TextSet) (out []string) {
				for i := range s.Len() {
					rel, _ := filepath.Rel(dir, s.Name(i))
					out = append(out, fmt.Sprintf("%s|%d|%s", rel, s.Label(i), s.Text(i)))
				}
				return out
			}
			var test []string
			if p.Test != nil {
				test = list(p.Test.(datasets.TextSet))
			}
			if got := list(p.Train.(datasets.TextSet)); !slices.Equal(got, c.train) || !slices.Equal(test, c.test) ||
				len(p.Skipped) != c.skipped {
				t.Errorf("got %q, %q, %v; want %q, %q, %d skipped", got, test, p.Skipped, c.train, c.test, c.skipped)
			}
		})
	}
}

func TestTextWindow(t *testing.T) {
	dir := filetest.Tree(t, map[string][]byte{"t.txt": []byte("abé"), "u.txt": []byte("aéü")})
	for _, c := range []struct {
		vocabulary string
		size       int
		at         float64
		train      []int32
		n          int
		test       []int32
		decoded    string // of the test
	}{
		{"characters", 5, 0, []int32{2, 3, 4, 0, 0}, 3, []int32{2, 4, 1, 0, 0}, "aé\ufffd"},
		{"characters", 2, 1, []int32{3, 4}, 2, []int32{4, 1}, "é\ufffd"},
		{"bytes", 3, 0, []int32{99, 100, 0xc3 + 2}, 3, []int32{99, 0xc3 + 2, 0xa9 + 2}, "aé"},
		{"bytes", 3, 0.5, []int32{100, 0xc3 + 2, 0xa9 + 2}, 3, []int32{0xc3 + 2, 0xa9 + 2, 0xc3 + 2}, "é\xc3"},
	} {
		s := NewText()
		s.Train, s.Test, s.Vocabulary = "t.txt", "u.txt", c.vocabulary
		p, err := s.Open(datasets.Env{BaseDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		train, test := make([]int32, c.size), make([]int32, c.size)
		n := p.Train.(datasets.TextSet).Window(0, c.at, train)
		p.Test.(datasets.TextSet).Window(0, c.at, test)
		if got := p.Test.(datasets.TextSet).Vocabulary().Decode(test); n != c.n || !slices.Equal(train, c.train) ||
			!slices.Equal(test, c.test) || got != c.decoded {
			t.Errorf("%s, %d at %v: got %d of %v, %v, %q; want %d of %v, %v, %q", c.vocabulary, c.size, c.at, n, train,
				test, got, c.n, c.train, c.test, c.decoded)
		}
	}
}

func TestVocabulary(t *testing.T) {
	for _, c := range []struct {
		name    string
		symbols datasets.Symbols
		train   string
		text    string
		want    []int32
		decoded string
	}{
		{"words", datasets.Symbols{Vocabulary: datasets.Words, Least: 1}, "b a, c", "A b ,b?", []int32{3, 4, 2, 4, 1},
			"a b , b \ufffd"},
		{"frequent words", datasets.Symbols{Vocabulary: datasets.Words, Least: 2}, "No, no! No? Yes", "yes no",
			[]int32{1, 2}, "\ufffd no"},
		{"frequent characters", datasets.Symbols{Vocabulary: datasets.Characters, Least: 2}, "abba c", "cab",
			[]int32{1, 2, 3}, "\ufffdab"},
		{"apostrophes within words", datasets.Symbols{Vocabulary: datasets.Words, Least: 1}, "'tis", "'tis don’t",
			[]int32{2, 3, 1}, "' tis \ufffd"},
		{"marks belong to words", datasets.Symbols{Vocabulary: datasets.Words, Least: 1}, "e\u0301t\u0301",
			"E\u0301t\u0301 e", []int32{2, 1},
			"e\u0301t\u0301 \ufffd"},
		{"apostrophes in a row", datasets.Symbols{Vocabulary: datasets.Words, Least: 1}, "a ' b", "a''b' b'a",
			[]int32{3, 2, 2, 4, 2, 1},
			"a ' ' b ' \ufffd"},
	} {
		v := datasets.NewVocabulary(c.symbols, []string{c.train})
		got := make([]int32, 10)
		n := v.Encode(c.text, 0, got)
		if !slices.Equal(got[:n], c.want) || v.Count(c.text) != n || v.Decode(got) != c.decoded {
			t.Errorf("%s: %q is %v, %q, and counts %d; want %v, %q", c.name, c.text, got[:n], v.Decode(got),
				v.Count(c.text), c.want, c.decoded)
		}
		for from := range n {
			part := make([]int32, 2)
			k := v.Encode(c.text, from, part)
			if !slices.Equal(part[:k], c.want[from:min(from+2, n)]) {
				t.Errorf("%s: %q from %d is %v, want the same symbols", c.name, c.text, from, part[:k])
			}
		}
	}
}

func TestRealTexts(t *testing.T) {
	dir := shared.Data(t, "text")
	for _, c := range []struct {
		name   string
		change func(*Text)
		want   string
	}{
		{"passages", func(s *Text) { s.Train, s.Label, s.Part = "sotu_chunks.csv.gz", "party", "split" },
			"3860 + 995 texts, 2 classes"},
		{"novel", func(s *Text) { s.Train, s.Unit, s.Window = "moby_dick.txt.gz", "windows", 256 },
			"3718 + 930 texts, 0 classes"},
		{"play", func(s *Text) { s.Train, s.Unit = "tinyshakespeare.txt.gz", "lines" },
			"26222 + 6555 texts, 0 classes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewText()
			c.change(s)
			p, err := s.Open(datasets.Env{BaseDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%d + %d texts, %d classes", p.Train.Len(), p.Test.Len(),
				len(p.Train.Classes())); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			v := p.Train.(datasets.TextSet).Vocabulary()
			window := make([]int32, 4096)
			for i := range p.Train.Len() {
				n := p.Train.(datasets.TextSet).Window(i, 0, window)
				if slices.Contains(window[:n], datasets.Unknown) {
					t.Fatalf("%s holds a symbol that its own vocabulary lacks", p.Train.Name(i))
				}
				if got := v.Decode(window); n < len(window) && got != p.Train.(datasets.TextSet).Text(i) {
					t.Fatalf("%s: %q comes back as %q", p.Train.Name(i), p.Train.(datasets.TextSet).Text(i), got)
				}
			}
		})
	}
}

// FuzzText holds that no file does more than fail, and that windows give the text back.
func FuzzText(f *testing.F) {
	for _, s := range []string{"a\n\nb", "text,label\na,b\n", "{\"text\":\"a\",\"label\":1}\n", "\xef\xbb\xbfé\xff",
		"\x1f\x8b", "text,label\n\"\n", "{\"text\":[\"a\",\"b\"]}"} {
		f.Add([]byte(s))
	}
	f.Add(filetest.Gzip([]byte("packed text")))
	dir := filetest.QuickDir(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, name := range []string{"t.txt", "t.csv", "t.jsonl"} {
			if err := os.WriteFile(filepath.Join(dir, name), in, 0o600); err != nil {
				t.Fatal(err)
			}
			s := NewText()
			s.Train, s.Memory, s.MaxSkipped, s.Unit, s.Window = name, 1<<16, 1<<20, "windows", 3
			if len(in)%2 == 1 {
				s.Vocabulary = "words"
			}
			if name != "t.txt" {
				s.Label = "label"
			}
			p, took, err := filetest.MemoryToOpen(s.Open, datasets.Env{BaseDir: dir})
			// A line of JSON is decoded, and refused, by itself.
			if took > uint64(4<<20+2000*min(max(len(in), 100), 1<<16)) {
				t.Fatalf("%d bytes took %d bytes of memory (%v)", len(in), took, err)
			}
			if err != nil {
				continue
			}
			for i := range p.Train.Len() {
				text := p.Train.(datasets.TextSet).Text(i)
				window := make([]int32, p.Train.(datasets.TextSet).Vocabulary().Count(text))
				p.Train.(datasets.TextSet).Window(i, 0, window)
				got := p.Train.(datasets.TextSet).Vocabulary().Decode(window)
				if s.Vocabulary == "words" {
					got, text = squeezed(got), squeezed(strings.ToLower(text))
				}
				if got != text {
					t.Fatalf("%q comes back as %q", text, got)
				}
			}
			p.Summary()
		}
	})
}

// squeezed is a text without its spaces.
func squeezed(text string) string { return strings.Join(strings.Fields(text), "") }

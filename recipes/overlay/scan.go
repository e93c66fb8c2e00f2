package overlay

import (
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// trail is a place in a document: key parts and list indices, each led by a separator that no key can hold.
type trail string

const root trail = ""

func (p trail) key(k string) trail { return p + "\x00" + trail(k) }
func (p trail) elem(i int) trail   { return p + "\x01" + trail(strconv.Itoa(i)) }

// span is where a key and its value are written, in bytes of the document.
type span struct {
	key, keyEnd int
	val, valEnd int // equal when the key is a table header or a part of a dotted key
}

// scanner finds the spans of all keys and list elements of a document that the TOML parser has accepted. On other text
// its answer means less but it still ends: every step moves forward.
type scanner struct {
	src   string
	i     int
	at    map[trail]span
	lists map[trail]int // arrays of tables: elements so far
}

func scan(src string) map[trail]span {
	s := &scanner{src: src, at: map[trail]span{}, lists: map[trail]int{}}
	table := root
	for s.blank(); s.i < len(s.src); s.blank() {
		if s.src[s.i] == '[' {
			table = s.header()
		} else {
			s.pair(table)
		}
	}
	return s.at
}

// blank skips white space, line ends and comments.
func (s *scanner) blank() {
	for s.i < len(s.src) {
		switch s.src[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		case '#':
			s.line()
		default:
			return
		}
	}
}

func (s *scanner) line() {
	if n := strings.IndexByte(s.src[s.i:], '\n'); n >= 0 {
		s.i += n
	} else {
		s.i = len(s.src)
	}
}

func (s *scanner) spaces() {
	for s.i < len(s.src) && (s.src[s.i] == ' ' || s.src[s.i] == '\t') {
		s.i++
	}
}

func (s *scanner) skip(c byte) bool {
	if s.i < len(s.src) && s.src[s.i] == c {
		s.i++
		return true
	}
	return false
}

// record keeps the first place where p is written.
func (s *scanner) record(p trail, sp span) {
	if _, known := s.at[p]; !known {
		s.at[p] = sp
	}
}

// header reads [a.b] or [[a.b]] and returns the table it opens.
func (s *scanner) header() trail {
	s.skip('[')
	list := s.skip('[')
	p := root
	for {
		s.spaces()
		k, from, to := s.part()
		s.spaces()
		p = p.key(k)
		s.record(p, span{key: from, keyEnd: to})
		more := s.skip('.')
		if !more && list {
			n := s.lists[p]
			s.lists[p]++
			p = p.elem(n)
			s.record(p, span{key: from, keyEnd: to})
			break
		}
		if n := s.lists[p]; n > 0 {
			p = p.elem(n - 1)
		}
		if !more {
			break
		}
	}
	s.skip(']')
	s.skip(']')
	s.line()
	return p
}

// part reads one bare or quoted key.
func (s *scanner) part() (key string, from, to int) {
	from = s.i
	if s.i < len(s.src) && (s.src[s.i] == '"' || s.src[s.i] == '\'') {
		s.str()
		return unquote(s.src[from:s.i]), from, s.i
	}
	for s.i < len(s.src) && !strings.ContainsRune(" \t\r\n.=]}#,", rune(s.src[s.i])) {
		s.i++
	}
	return s.src[from:s.i], from, s.i
}

func unquote(text string) string {
	var v struct{ K string }
	if _, err := toml.Decode("K="+text, &v); err != nil {
		return text
	}
	return v.K
}

// pair reads key = value of a table.
func (s *scanner) pair(table trail) {
	start, p := s.i, table
	var from, to int
	for {
		var k string
		s.spaces()
		k, from, to = s.part()
		s.spaces()
		p = p.key(k)
		if !s.skip('.') {
			break
		}
		s.record(p, span{key: from, keyEnd: to})
	}
	if !s.skip('=') {
		s.line()
		if s.i == start {
			s.i++
		}
		return
	}
	s.spaces()
	val := s.i
	s.value(p)
	s.record(p, span{from, to, val, s.i})
}

func (s *scanner) value(p trail) {
	if s.i >= len(s.src) {
		return
	}
	switch s.src[s.i] {
	case '"', '\'':
		s.str()
	case '[':
		s.i++
		for n := 0; ; n++ {
			s.blank()
			if s.i >= len(s.src) || s.skip(']') {
				return
			}
			from := s.i
			s.value(p.elem(n))
			s.record(p.elem(n), span{from, s.i, from, s.i})
			s.next(from)
		}
	case '{':
		s.i++
		for {
			s.blank()
			if s.i >= len(s.src) || s.skip('}') {
				return
			}
			from := s.i
			s.pair(p)
			s.next(from)
		}
	default:
		from := s.i
		for s.i < len(s.src) && !strings.ContainsRune(",]}#\r\n", rune(s.src[s.i])) {
			s.i++
		}
		for s.i > from && (s.src[s.i-1] == ' ' || s.src[s.i-1] == '\t') {
			s.i--
		}
	}
}

// next moves past the comma after an element that began at from.
func (s *scanner) next(from int) {
	s.blank()
	if !s.skip(',') && s.i == from {
		s.i++
	}
}

// str moves past a quoted string, of one line or three quotes.
func (s *scanner) str() {
	q := s.src[s.i]
	triple := strings.Repeat(string(q), 3)
	if strings.HasPrefix(s.src[s.i:], triple) {
		s.i += 3
		for s.i < len(s.src) && !strings.HasPrefix(s.src[s.i:], triple) {
			if s.src[s.i] == '\\' && q == '"' {
				s.i++
			}
			s.i++
		}
		s.i += 3
		// two quotes may stand before the closing three; behind \\ the parser takes a third
		for s.i < len(s.src) && s.src[s.i] == q {
			s.i++
		}
	} else {
		for s.i++; s.i < len(s.src) && s.src[s.i] != q && s.src[s.i] != '\n'; s.i++ {
			if s.src[s.i] == '\\' && q == '"' {
				s.i++
			}
		}
		s.i++
	}
	s.i = min(s.i, len(s.src))
}

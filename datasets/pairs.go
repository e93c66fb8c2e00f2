package datasets

import (
	"container/heap"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// pairs is a byte-pair encoding: 256 bytes, and merges of two symbols into one, in the order in which they were
// learned.
//
// Sennrich et al. 2016, arXiv:1508.07909, Alg. 1, on bytes as in GPT-2 (Radford et al. 2019, section 2.2), within
// pieces of a text: letters and digits with the space before them, or one other character with it. Of pairs that occur
// as often the one with the smaller numbers is merged first, so that the same texts always give the same encoding.
type pairs struct {
	merges [][2]int32         // of symbols counted from 0, the bytes; merge i makes symbol 256+i
	rank   map[[2]int32]int32 // which merge joins two symbols
	spell  []string           // of every symbol
	known  sync.Map           // pieces that were encoded before
	held   atomic.Int64       // how many of them
}

// mostKnown bounds the pieces that are remembered.
const mostKnown = 1 << 16

// newPairs takes merges that are in order.
func newPairs(merges [][2]int32) (*pairs, error) {
	p := &pairs{rank: map[[2]int32]int32{}}
	for b := range 256 {
		p.spell = append(p.spell, string([]byte{byte(b)}))
	}
	for i, m := range merges {
		if m[0] < 0 || m[1] < 0 || int(max(m[0], m[1])) >= len(p.spell) {
			return nil, fmt.Errorf("datasets: merge %d joins symbols %d and %d, and there are %d before it", i, m[0],
				m[1], len(p.spell))
		}
		p.add(m)
	}
	return p, nil
}

func (p *pairs) add(m [2]int32) {
	p.rank[m] = int32(len(p.merges))
	p.merges = append(p.merges, m)
	p.spell = append(p.spell, p.spell[m[0]]+p.spell[m[1]])
}

// pieces cuts a text into what is encoded by itself.
func pieces(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			r, n := utf8.DecodeRuneInString(text)
			if r == ' ' && len(text) > n {
				next, size := utf8.DecodeRuneInString(text[n:])
				if !unicode.IsSpace(next) {
					r, n = next, n+size
				}
			}
			if inWord(r) {
				for n < len(text) {
					next, size := utf8.DecodeRuneInString(text[n:])
					if !inWord(next) {
						break
					}
					n += size
				}
			}
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

func inWord(r rune) bool { return unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit) }

// pairCount is a pair that occurred so often when it was put into the queue.
type pairCount struct {
	pair  [2]int32
	count int
}

// pairQueue has the most frequent pair first.
type pairQueue []pairCount

func (q pairQueue) Len() int      { return len(q) }
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q pairQueue) Less(i, j int) bool {
	if q[i].count != q[j].count {
		return q[i].count > q[j].count
	}
	return slices.Compare(q[i].pair[:], q[j].pair[:]) < 0
}
func (q *pairQueue) Push(x any) { *q = append(*q, x.(pairCount)) }
func (q *pairQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// learnPairs makes so many merges of texts, or fewer where no pair occurs twice.
func learnPairs(texts iter.Seq[string], merges int) *pairs {
	occurs := map[string]int{}
	for t := range texts {
		for w := range pieces(t) {
			n, known := occurs[w]
			if !known {
				w = strings.Clone(w) // not a part of the text
			}
			occurs[w] = n + 1
		}
	}
	var words []string
	for w := range occurs {
		words = append(words, w)
	}
	slices.Sort(words)
	symbols := make([][]int32, len(words))
	counts, where := map[[2]int32]int{}, map[[2]int32]map[int]bool{}
	note := func(word int, pair [2]int32, by int) {
		counts[pair] += by
		if where[pair] == nil {
			where[pair] = map[int]bool{}
		}
		where[pair][word] = true
	}
	for i, w := range words {
		for k := range len(w) {
			symbols[i] = append(symbols[i], int32(w[k]))
			if k > 0 {
				note(i, [2]int32{int32(w[k-1]), int32(w[k])}, occurs[w])
			}
		}
	}
	var q pairQueue
	for pair, n := range counts {
		q = append(q, pairCount{pair, n})
	}
	heap.Init(&q)
	p, _ := newPairs(nil)
	for len(p.merges) < merges && len(q) > 0 {
		top := heap.Pop(&q).(pairCount)
		if n := counts[top.pair]; n != top.count {
			if n > 1 { // it became rarer since
				heap.Push(&q, pairCount{top.pair, n})
			}
			continue
		}
		if top.count < 2 {
			break
		}
		made := int32(len(p.spell))
		p.add(top.pair)
		changed := map[[2]int32]bool{}
		for i := range where[top.pair] {
			n := occurs[words[i]]
			s := symbols[i]
			for k := 1; k < len(s); k++ {
				pair := [2]int32{s[k-1], s[k]}
				counts[pair] -= n
				changed[pair] = true
			}
			s = merged(s, top.pair, made)
			for k := 1; k < len(s); k++ {
				pair := [2]int32{s[k-1], s[k]}
				note(i, pair, n)
				changed[pair] = true
			}
			symbols[i] = s
		}
		delete(where, top.pair)
		for pair := range changed {
			if n := counts[pair]; n > 1 && pair != top.pair {
				heap.Push(&q, pairCount{pair, n})
			}
		}
	}
	return p
}

// merged replaces each occurrence of a pair, from the left.
func merged(s []int32, pair [2]int32, by int32) []int32 {
	out := s[:0]
	for k := 0; k < len(s); k++ {
		if k+1 < len(s) && s[k] == pair[0] && s[k+1] == pair[1] {
			out = append(out, by)
			k++
			continue
		}
		out = append(out, s[k])
	}
	return out
}

// encode is the symbols of a piece, counted from 0: the merge that was learned first is made first.
func (p *pairs) encode(piece string) []int32 {
	if s, ok := p.known.Load(piece); ok {
		return s.([]int32)
	}
	s := make([]int32, len(piece))
	for i := range len(piece) {
		s[i] = int32(piece[i])
	}
	for len(s) > 1 {
		best := int32(-1)
		for k := 1; k < len(s); k++ {
			if r, ok := p.rank[[2]int32{s[k-1], s[k]}]; ok && (best < 0 || r < best) {
				best = r
			}
		}
		if best < 0 {
			break
		}
		s = merged(s, p.merges[best], 256+best)
	}
	if p.held.Add(1) <= mostKnown {
		p.known.Store(piece, s)
	}
	return s
}

// symbols is those of a text in order, numbered as in a vocabulary.
func (p *pairs) symbols(text string) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for piece := range pieces(text) {
			for _, s := range p.encode(piece) {
				if !yield(s + FirstSymbol) {
					return
				}
			}
		}
	}
}

// list writes the merges, each as two numbers.
func (p *pairs) list() (all []string) {
	for _, m := range p.merges {
		all = append(all, fmt.Sprintf("%d %d", m[0], m[1]))
	}
	return all
}

// pairsOf reads what list wrote.
func pairsOf(list []string) (*pairs, error) {
	var merges [][2]int32
	for i, s := range list {
		var m [2]int32
		if _, err := fmt.Sscanf(s, "%d %d", &m[0], &m[1]); err != nil {
			return nil, fmt.Errorf("datasets: merge %d is %q, want two numbers: %w", i, s, err)
		}
		merges = append(merges, m)
	}
	return newPairs(merges)
}

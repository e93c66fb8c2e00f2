package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sort"

	"selfsup/graph/ir"
)

// Kind says what an entry of the Store is for.
type Kind uint8

// The kinds of entries.
const (
	Param  Kind = iota // trained by the optimiser
	State              // everything else that outlives a step: teachers, statistics, queues
	Moment             // of the optimiser
)

func (k Kind) String() string { return [...]string{"param", "state", "moment"}[k] }

// Entry is one value that lives longer than a step.
type Entry struct {
	Name string // unique, scoped: backbone/stage1/0/conv1/weight
	Kind Kind
	ir.Array
}

// Store owns the numbers that live longer than a step. Programs read and write its arrays in place; a checkpoint is a
// Store and a step number. What a fresh entry holds depends on (seed, name) alone.
type Store struct {
	Seed    uint64
	entries map[string]*Entry
}

// NewStore returns an empty Store.
func NewStore(seed uint64) *Store { return &Store{Seed: seed, entries: map[string]*Entry{}} }

// Get returns the entry of a name, nil if there is none.
func (s *Store) Get(name string) *Entry { return s.entries[name] }

// Names lists all entries in order.
func (s *Store) Names() []string {
	names := make([]string, 0, len(s.entries))
	for n := range s.entries {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Put adds an entry or replaces the one of its name, as reading a checkpoint does. Programs that were compiled before
// keep the old array.
func (s *Store) Put(e *Entry) { s.entries[e.Name] = e }

// Hash is a digest of names, shapes and bits of the entries under a prefix ("" is all): equal if and only if the
// numbers are.
func (s *Store) Hash(prefix string) string {
	h := sha256.New()
	for _, n := range s.Names() {
		if len(n) < len(prefix) || n[:len(prefix)] != prefix {
			continue
		}
		e := s.entries[n]
		fmt.Fprintf(h, "%s %v\n", n, e.Type)
		binary.Write(h, binary.LittleEndian, e.F32)
		binary.Write(h, binary.LittleEndian, e.F64)
		binary.Write(h, binary.LittleEndian, e.I32)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// declare returns the entry of a declaration, making it if it is new.
func (s *Store) declare(d *decl) (*Entry, error) {
	if e := s.entries[d.name]; e != nil {
		if !e.Shape.Equal(d.typ.Shape) || e.DType != d.typ.DType {
			return nil, fmt.Errorf("%s is %v in the store, this graph builds %v", d.name, e.Type, d.typ)
		}
		return e, nil
	}
	if d.init == nil {
		return nil, fmt.Errorf("%s is not in the store and has a nil Init; want what fills a fresh one, such as "+
			"graph.Fill(0)", d.name)
	}
	e := &Entry{Name: d.name, Kind: d.kind, Array: ir.NewArray(d.typ)}
	d.init(e.Array, Rand(s.Seed, d.seedName))
	s.entries[d.name] = e
	return e, nil
}

// Rand is a source of randomness that depends on (seed, name) alone.
func Rand(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Init fills a fresh entry.
type Init func(a ir.Array, r *rand.Rand)

// Fill sets every element to v.
func Fill(v float64) Init { return func(a ir.Array, _ *rand.Rand) { a.Fill(v) } }

// Rows fills row i of the first axis with vs[i]: running statistics start as Rows(0, 1).
func Rows(vs ...float64) Init {
	return func(a ir.Array, _ *rand.Rand) {
		n := a.Shape.Size() / len(vs)
		for i := range a.Shape.Size() {
			a.Set(i, vs[i/n])
		}
	}
}

// Normal draws from a normal distribution of mean 0.
func Normal(std float64) Init {
	return func(a ir.Array, r *rand.Rand) {
		for i := range a.Shape.Size() {
			a.Set(i, std*r.NormFloat64())
		}
	}
}

// Uniform draws from [-bound, bound).
func Uniform(bound float64) Init {
	return func(a ir.Array, r *rand.Rand) {
		for i := range a.Shape.Size() {
			a.Set(i, bound*(2*r.Float64()-1))
		}
	}
}

// KaimingNormal is He initialisation for ReLU with a fan of n: std = sqrt(2/n) (He et al. 2015, arXiv:1502.01852, eq.
// 10).
func KaimingNormal(n int) Init { return Normal(math.Sqrt(2 / float64(n))) }

// LinearUniform is PyTorch's default for linear layers and their biases: uniform in +-1/sqrt(fan in).
func LinearUniform(fanIn int) Init { return Uniform(1 / math.Sqrt(float64(fanIn))) }

// UnitNormal draws rows of unit length.
func UnitNormal() Init {
	return func(a ir.Array, r *rand.Rand) {
		Normal(1)(a, r)
		k := a.Shape.Last()
		for i := 0; i < a.Shape.Size(); i += k {
			var ss float64
			for j := range k {
				ss += a.At(i+j) * a.At(i+j)
			}
			for j := range k {
				a.Set(i+j, a.At(i+j)/math.Sqrt(ss))
			}
		}
	}
}

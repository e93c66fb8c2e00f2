// Package feed delivers what a training step holds, for data of every kind: a Maker makes the fields of a sample
// (views, labels, captions ...), and the Loader makes batches of them ahead of time.
//
// What step n holds depends on (seed, n) alone, never on threads, time or where a run was interrupted.
package feed

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
)

// Field is an array of the batch: a row of Shape for every sample.
type Field struct {
	Name string
	// of one sample: [H,W,C] pixels, [F,H,W,C] frames, [T,C] waves, [K] columns, [T] symbols; empty: one number
	Shape []int
	// Int says that the elements are int32, else float32.
	Int bool
	// Of is how many values an element can have: of symbols and labels one number; of a table's row a number for each
	// column, 0 for a column of measurements. Empty: measurements. Integers below 0 stand for none.
	Of []int
	// Gaps are columns of measurements of a table's row that may be missing: the row's last elements, one for each in
	// their order, are 1 where that column's value is missing, which is then 0, and else 0.
	Gaps []int
	// Columns names the columns of a row whose numbers mean different things, such as what was drawn for a view. Range
	// says of each how far apart two of its values can be; 0: it is always the same.
	Columns []string
	Range   []float64
	// Low and High bound the measurements, one number for each channel: in images black and white, normalised. nil:
	// nobody knows them.
	Low, High []float32
}

// Size is the number of elements of one sample.
func (f Field) Size() int {
	n := 1
	for _, d := range f.Shape {
		n *= d
	}
	return n
}

func (f Field) String() string {
	kind := ""
	if f.Int {
		kind = " int32"
	}
	return fmt.Sprintf("%s %v%s", f.Name, f.Shape, kind)
}

// Fields that the loader makes for every kind of data.
const (
	Labels = "labels" // [] int32: the class of a sample, -1 where it has none
	Rows   = "rows"   // [] int32: the place of a sample in the training set
)

// Raw is the field of makers for evaluation that holds a sample's values as a baseline without training takes them:
// pixels, standardised columns, counts of symbols.
const Raw = "raw"

// Weighted is the field of makers for evaluation of texts that holds the counts of a window's symbols, each by how few
// of the training texts have it: tf-idf.
const Weighted = "tf-idf"

// marginal is the name of the field of a table's row that has every column from a training row of its own: the
// empirical marginal distribution.
const marginal = "marginal"

// Marginal is the name of the field that holds draw n of the empirical marginal distribution of a table's row, counted
// from 0: every column from a training row of its own.
func Marginal(n int) string {
	if n == 0 {
		return marginal
	}
	return marginal + strconv.Itoa(n)
}

// MarginalNumber is n of the name that Marginal gives.
func MarginalNumber(name string) (n int, ok bool) {
	if name == marginal {
		return 0, true
	}
	n, ok = Numbered(name, marginal)
	return n, ok && n > 0
}

// View is the name of the field that holds a view of the sample, counted from 0.
func View(v int) string { return "view" + strconv.Itoa(v) }

// Params is the name of the field that holds what was drawn for a view.
func Params(v int) string { return "params" + strconv.Itoa(v) }

// Pace is the name of the field [] int32 that says at which of the recipe's strides, from 0 on, a view shows its clip.
func Pace(v int) string { return "pace" + strconv.Itoa(v) }

// Numbered is the number of a field that counts, such as 2 of view2.
func Numbered(name, prefix string) (v int, ok bool) {
	digits, found := strings.CutPrefix(name, prefix)
	v, err := strconv.Atoi(digits)
	return v, found && err == nil && v >= 0 && strconv.Itoa(v) == digits
}

// Maker makes the fields of the samples of a set. It is read-only and serves any number of goroutines.
type Maker interface {
	// Field describes a field. A name that the data do not have is an error.
	Field(name string) (Field, error)
	// Fields names what it makes, for messages; views and their parameters are named once.
	Fields() []string
	// Worker returns what one goroutine makes the named fields with. Names that do not go together are an error.
	Worker(names []string) (Worker, error)
}

// Worker makes fields for one goroutine.
type Worker interface {
	// Make writes the fields of sample i, in the order of their names. What it draws depends on the key alone.
	Make(to []Slot, i int, key Key) error
}

// Grouped is a Maker whose views are of several kinds, such as large and small crops.
type Grouped interface {
	// Groups is the number of views of each kind, in order.
	Groups() []int
}

// Slot is where a field of one sample, or of a batch, goes: one of the two, by its type.
type Slot struct {
	F32 []float32
	I32 []int32
}

// NewSlot is memory for n samples of a field.
func NewSlot(f Field, n int) Slot {
	if f.Int {
		return Slot{I32: make([]int32, n*f.Size())}
	}
	return Slot{F32: make([]float32, n*f.Size())}
}

// row is the part of a batch's slot that sample i has.
func (s Slot) row(i, size int) Slot {
	if s.I32 != nil {
		return Slot{I32: s.I32[i*size : (i+1)*size]}
	}
	return Slot{F32: s.F32[i*size : (i+1)*size]}
}

// Key identifies one sample of a step; its random choices depend on nothing else.
type Key struct {
	Seed      uint64
	Step, Row int
}

// UnknownField is a question that the data cannot answer.
type UnknownField struct {
	Name string
	Kind string   // of the data: images
	Has  []string // what the data have
	Why  string   // nothing, or why not
}

func (e *UnknownField) Error() string {
	why := ""
	if e.Why != "" {
		why = ": " + e.Why
	}
	return fmt.Sprintf("%s have no field %q%s; they have %s", e.Kind, e.Name, why, strings.Join(e.Has, ", "))
}

// Index finds a name in a list of wants; -1 if nobody wants it.
func Index(names []string, name string) int { return slices.Index(names, name) }

// Kind is how the samples of one kind of data become fields, by the recipe's settings for it.
type Kind interface {
	// Noun is what the samples are called: images.
	Noun() string
	// Training makes fields with random choices for a set of the data.
	Training(set datasets.Labelled) Maker
	// Evaluation makes what a frozen encoder and a baseline see, View(0) and Raw. Nothing in it is random.
	Evaluation(set datasets.Labelled) Maker
}

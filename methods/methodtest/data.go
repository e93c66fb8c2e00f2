// Package methodtest has data for tests of methods: fields of given shapes, without a data set behind them.
package methodtest

import (
	"errors"
	"strings"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/methods"
)

// Fields is a feed.Maker that describes fields and makes none. "view" and "params" stand for all numbers.
type Fields []feed.Field

// Images has views of one shape, labels of 3 classes and 10 samples.
func Images(h, w, c int) methods.Data { return Data(feed.Field{Name: "view", Shape: []int{h, w, c}}) }

// Data has the given fields, labels of 3 classes and 10 samples.
func Data(fields ...feed.Field) methods.Data {
	return methods.Data{Maker: Fields(fields), Samples: 10, Classes: 3}
}

// Fields implements feed.Maker.
func (fs Fields) Fields() (names []string) {
	for _, f := range fs {
		names = append(names, f.Name)
	}
	return names
}

// Field implements feed.Maker.
func (fs Fields) Field(name string) (feed.Field, error) {
	for _, f := range fs {
		if _, numbered := feed.Numbered(name, f.Name); f.Name == name || numbered {
			f.Name = name
			return f, nil
		}
	}
	return feed.Field{}, &feed.UnknownField{Name: name, Kind: "test data", Has: fs.Fields()}
}

// Worker implements feed.Maker.
func (fs Fields) Worker([]string) (feed.Worker, error) {
	return nil, errors.New("methodtest: these fields are described, not made")
}

// Crops is a Maker whose views come in groups of several sizes.
type Crops struct {
	feed.Maker
	Counts []int
}

// TwoSizes has images in two groups: views 0 and 1, and so many small ones.
func TwoSizes(large, small []int, count int) methods.Data {
	var fields Fields
	for v := range 2 + count {
		shape := large
		if v > 1 {
			shape = small
		}
		fields = append(fields, feed.Field{Name: feed.View(v), Shape: shape})
	}
	d := Data()
	d.Maker = Crops{fields, []int{2, count}}
	return d
}

// Groups implements feed.Grouped.
func (c Crops) Groups() []int { return c.Counts }

// Windows has images whose views say where they are from: views and params of two large views, and so many small ones,
// by the columns' names.
func Windows(large, small []int, count int, columns []string) methods.Data {
	d := TwoSizes(large, small, count)
	c := d.Maker.(Crops)
	fields := c.Maker.(Fields)
	for v := range 2 + count {
		fields = append(fields, feed.Field{Name: feed.Params(v), Shape: []int{len(columns)}, Columns: columns,
			Range: make([]float64, len(columns))})
	}
	c.Maker = fields
	if count == 0 {
		c.Counts = []int{2}
	}
	d.Maker = c
	return d
}

// WidenHeads makes a DINO head's small first weights large: its rows of unit length bend too much for differences where
// they are short.
func WidenHeads(st *graph.Store) {
	for _, name := range st.Names() {
		if a := st.Get(name).Array; strings.Contains(name, "head/mlp/") {
			for i := range a.Shape.Size() {
				a.Set(i, 30*a.At(i)+0.1)
			}
		}
	}
}

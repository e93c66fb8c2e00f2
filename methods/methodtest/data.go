// Package methodtest has data for tests of methods: fields of given shapes, without a data set behind them.
package methodtest

import (
	"errors"

	"selfsup/datasets/feed"
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

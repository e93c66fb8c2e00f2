package methods

import (
	"errors"
	"fmt"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Data describes the fields of the training samples, which a batch is asked for.
type Data struct {
	Maker   feed.Maker
	Samples int  // of the training set
	Classes int  // of their labels; 0 where they have none
	Leading int  // samples at the beginning of every batch that have a label for certain
	Acts    bool // samples are what the method's agent does between steps, see Host.World
}

// Batch is the symbolic batch of a step, B samples. Each call declares an input of the graph, the same call the same
// input; the loader makes what was asked for and nothing else. What the data cannot give stops the build with the list
// of what they can.
type Batch struct {
	scope *graph.Scope
	data  Data
	size  int
	wants []string
	nodes map[string]*graph.Node
	masks map[string]masks.Plan
	edits map[string]feed.Edit
	hides map[string]string // why a field is not to be asked for, by its name
	aside bool              // the last view is a wrapping method's
	lacks bool
}

// NewBatch is a batch of so many samples, whose inputs are declared in s.
func NewBatch(s *graph.Scope, size int, d Data) *Batch {
	return &Batch{scope: s, data: d, size: size, nodes: map[string]*graph.Node{}, masks: map[string]masks.Plan{},
		edits: map[string]feed.Edit{}}
}

// Size is B: the samples that go through the graph at once, on all ranks together.
func (b *Batch) Size() int { return b.size }

// SetSize is the number of samples of the training set, for memories with an entry for each.
func (b *Batch) SetSize() int { return b.data.Samples }

// Classes is the number of classes of the labels, 0 where there are none.
func (b *Batch) Classes() int { return b.data.Classes }

// NeedClasses is the number of classes of the labels for a method that learns from labels, whose build stops where
// there are not two.
func (b *Batch) NeedClasses() int {
	if b.data.Classes < 2 {
		op.Fail("", "this method learns from labels, which simclr does not: want a data set with labels of at least 2 "+
			"classes, this one has %d", b.data.Classes)
	}
	return b.data.Classes
}

// Leading is how many samples at the beginning of every batch have a label for certain; 0 where nothing is certain.
// The sampler two_streams promises some.
func (b *Batch) Leading() int { return b.data.Leading }

// Acts reports whether the samples are what the method's agent does between steps, in Host.World.
func (b *Batch) Acts() bool { return b.data.Acts }

// View is view v of the samples: [B,H,W,C] images, [B,F,H,W,C] clips, [B,T,C] waves, [B,K] rows of a table, [B,T]
// int32 symbols.
func (b *Batch) View(v int) *graph.Node { return b.Field(feed.View(v)) }

// Views is the first n views. Views of different sizes stop the build, for methods that put them into one batch.
func (b *Batch) Views(n int) []*graph.Node {
	x := make([]*graph.Node, n)
	for v := range x {
		x[v] = b.View(v)
		if first, own := op.ShapeOf(x[0]), op.ShapeOf(x[v]); !own.Equal(first) {
			op.Fail("", "views of %v and %v: this method takes views of one size, give the tables of "+
				"views.crops the same", first, own)
		}
	}
	return x
}

// Crops is all views, at least two, by table of views.crops; where there is none, two views of one size. The first
// table's views are the large ones (SwAV, arXiv:2006.09882, section 3.2; DINO, arXiv:2104.14294, section 3.1).
func (b *Batch) Crops() [][]*graph.Node {
	groups := b.groups()
	if b.aside {
		groups = groups[:len(groups)-1]
	}
	if len(groups) == 1 && groups[0] == 1 {
		op.Fail("", "views.crops makes 1 view of a sample: this method compares views, want at least 2")
	}
	var all [][]*graph.Node
	v := 0
	for _, n := range groups {
		var views []*graph.Node
		for range n {
			views = append(views, b.View(v))
			v++
		}
		all = append(all, views)
	}
	return all
}

// groups is how many views each table of views.crops makes; where there is none, two, and one that was put Aside.
func (b *Batch) groups() []int {
	if g, ok := b.data.Maker.(feed.Grouped); ok && len(g.Groups()) > 0 {
		return g.Groups()
	}
	if b.aside {
		return []int{2, 1}
	}
	return []int{2}
}

// Aside takes a view for a method that wraps another one: the last table of views.crops, which makes this view alone,
// or view 2 where there is no table. From then on nobody else sees it, neither among Crops nor by its number. Its
// parameters are Params of the number.
func (b *Batch) Aside() (number int, x *graph.Node) {
	b.aside = true
	groups := b.groups()
	if last := len(groups) - 1; last < 1 || groups[last] != 1 {
		op.Fail("", "views.crops makes %v views by table, and this method takes a view of its own: want a last table "+
			"with count = 1 behind the others", groups)
	}
	for _, n := range groups {
		number += n
	}
	number--
	x = b.View(number)
	b.Hide("a method that wraps this one has the view for itself", feed.View(number))
	return number, x
}

// Params holds the numbers drawn for a view, [B,P]; of an image see views.ParamNames.
func (b *Batch) Params(v int) *graph.Node { return b.Field(feed.Params(v)) }

// Labels is the class of each sample, [B] int32, -1 where it has none.
func (b *Batch) Labels() *graph.Node { return b.Field(feed.Labels) }

// Rows is the place of each sample in the training set, [B] int32.
func (b *Batch) Rows() *graph.Node { return b.Field(feed.Rows) }

// Mask is drawn anew for every sample and step on a grid of tokens, [B,planes,tokens] of 0 and 1; the kind says what 1
// means. The same kind on the same grid is another mask where it is asked for again.
func (b *Batch) Mask(k masks.Kind, g masks.Grid) *graph.Node {
	name := fmt.Sprintf("mask%d", len(b.masks))
	b.masks[name] = masks.Plan{Kind: k, Grid: g}
	return b.Field(name)
}

// Edit is what an editor makes of fields of the data, anew for every sample and step, in the order of its Edits. The
// same editor gives other draws where it is asked again.
func (b *Batch) Edit(e feed.Editor, of ...string) []*graph.Node {
	from := make([]feed.Field, len(of))
	for i, name := range of {
		from[i] = b.Of(name)
	}
	made, err := e.Edits(from)
	if err != nil {
		op.Fail("", "%v", err)
	}
	group := 0
	for _, other := range b.edits {
		group = max(group, other.Group+1)
	}
	nodes := make([]*graph.Node, len(made))
	for i, f := range made {
		name := fmt.Sprintf("%s%d", f.Name, group)
		b.edits[name] = feed.Edit{Editor: e, Of: of, Output: i, Group: group}
		nodes[i] = b.Field(name)
	}
	return nodes
}

// Vocabulary numbers the symbols of texts; nil where the data have none.
func (b *Batch) Vocabulary() *datasets.Vocabulary {
	if s, ok := b.data.Maker.(feed.Spelled); ok {
		return s.Vocabulary()
	}
	return nil
}

// Of describes a field before it is asked for.
func (b *Batch) Of(name string) feed.Field {
	f, err := feed.FieldOf(feed.Edited(b.data.Maker, b.edits), b.masks, name)
	if err != nil {
		unknown := (*feed.UnknownField)(nil)
		b.lacks = errors.As(err, &unknown)
		op.Fail("", "the method asks the data for %s: %v", name, strings.TrimPrefix(err.Error(), "views: "))
	}
	return f
}

// Field is any field that the data have: caption, marginal, action, length, boxes ...
func (b *Batch) Field(name string) *graph.Node {
	if why := b.hides[name]; why != "" {
		op.Fail("", "the method asks the data for %s: %s", name, why)
	}
	if n := b.nodes[name]; n != nil {
		return n
	}
	f := b.Of(name)
	shape := append([]int{b.size}, f.Shape...)
	kind := ir.F32 // or what the graph computes in
	if f.Int {
		kind = ir.I32
	}
	n := b.scope.BatchInput(name, kind, shape...)
	b.wants, b.nodes[name] = append(b.wants, name), n
	return n
}

// Put has a field be what a method made of others, for the methods that it wraps.
func (b *Batch) Put(name string, n *graph.Node) {
	if was := op.ShapeOf(b.Field(name)); !was.Equal(op.ShapeOf(n)) {
		op.Fail("", "%s is %v and would become %v", name, was, op.ShapeOf(n))
	}
	b.nodes[name] = n
}

// Hide stops the build, and says why, where fields are asked for from now on: they are no longer true of what a method
// Put, or are its own.
func (b *Batch) Hide(why string, names ...string) {
	if b.hides == nil {
		b.hides = map[string]string{}
	}
	for _, name := range names {
		b.hides[name] = why
	}
}

// Unfit stops the build because no settings of the method would make it fit the data or the backbone. The error that
// comes of it lists the methods that they can serve.
func (b *Batch) Unfit(format string, args ...any) {
	b.lacks = true
	op.Fail("", format, args...)
}

// Lacks reports whether the build stopped because the data do not have a field that was asked for, or are Unfit.
func (b *Batch) Lacks() bool { return b.lacks }

// Wants names the fields that were asked for.
func (b *Batch) Wants() []string { return b.wants }

// Masks are the masks that were asked for, by the names of their fields.
func (b *Batch) Masks() map[string]masks.Plan { return b.masks }

// Edits are the fields that editors make, by their names.
func (b *Batch) Edits() map[string]feed.Edit { return b.edits }

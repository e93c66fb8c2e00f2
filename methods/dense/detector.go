package dense

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// What the methods with a detector share.

// SetWeights are the weights of a detector's loss, and of the costs that match it.
type SetWeights struct {
	Class float64 `toml:"class"` // of the classes' loss
	Box   float64 `toml:"box"`   // of the distance of boxes
	GIoU  float64 `toml:"giou"`  // of 1 - generalised intersection over union
}

func (w SetWeights) check() error {
	return errors.Join(setting.Weight("class", w.Class), setting.Weight("box", w.Box), setting.Weight("giou", w.GIoU))
}

// terms are the parts of a layer's loss. The last layer's have plain names.
func (w SetWeights) terms(l losses.SetLoss, i, layers int) []methods.Term {
	name := func(what string) string { return termName(what, i, layers) }
	return []methods.Term{{Name: name("class"), Weight: w.Class, Value: l.Class}, {Name: name("box"), Weight: w.Box,
		Value: l.Box}, {Name: name("giou"), Weight: w.GIoU, Value: l.GIoU}}
}

// termName is the name of a term of a layer's loss.
func termName(what string, i, layers int) string {
	if i == layers-1 {
		return what
	}
	return fmt.Sprintf("%s_%d", what, i)
}

// network is a detector over an encoder.
type network struct {
	scope    *graph.Scope // of the detector
	detector *heads.Detecting
	memory   heads.Memory
	features *graph.Node // [B,Dim] of the encoder
}

// DetectorScope is where a detector's parameters are.
const DetectorScope = "detector"

// newNetwork reads view 0.
func newNetwork(s *graph.Scope, enc methods.Encoder, b *methods.Batch, d *heads.Detector, lock bool) network {
	read := s
	if lock {
		read = s.Locked()
	}
	x := b.View(0)
	last := LastMap(read, enc)
	if last == nil {
		b.Unfit("the backbone has neither feature maps nor tokens, which a detector reads; want a convnet, a resnet " +
			"or a vit")
	}
	maps := last(x)
	if lock {
		maps = op.StopGradient(maps)
	}
	n := network{scope: s.In(DetectorScope), features: enc.New(read)(x)}
	n.detector = d.New(n.scope, op.ShapeOf(maps)[3])
	n.memory = n.detector.Read(maps)
	return n
}

// LastMap is an encoder's last feature map [B,h,w,C], of a transformer its patches' tokens; nil: it has neither.
func LastMap(s *graph.Scope, enc methods.Encoder) layer.Func {
	switch {
	case enc.Maps != nil:
		maps := enc.Maps(s)
		return func(x *graph.Node) *graph.Node { all := maps(x); return all[len(all)-1] }
	case enc.Tokens != nil:
		t := enc.Tokens(s)
		return func(x *graph.Node) *graph.Node {
			k := t.Rows * t.Columns
			y := t.Last(t.Encode(t.Embed(x)), k)
			return op.Reshape(y, op.ShapeOf(y)[0], t.Rows, t.Columns, t.Dim)
		}
	}
	return nil
}

// Detect is what a trained detector finds in images x [B,H,W,C]: probabilities of K classes [B,Q,K] and boxes [B,Q,4].
func Detect(s *graph.Scope, enc methods.Encoder, d *heads.Detector, k int, x *graph.Node) (scores, boxes *graph.Node) {
	maps := LastMap(s, enc)(x)
	at := s.In(DetectorScope)
	n := d.New(at, op.ShapeOf(maps)[3])
	found := n.Decode(n.Read(maps), nil, nil)
	last := len(found.Layers) - 1
	return op.Sigmoid(Classifier(at, d, k)(found.Layers[last])), found.Boxes[last]
}

// Classifier is the logits of K classes of queries, [B,Q,D] -> [B,Q,K], in the scope of a detector. All begin at a
// probability of 0.01.
func Classifier(s *graph.Scope, d *heads.Detector, k int) layer.Func {
	at := s.In("class")
	w, bias := at.Param("weight", layer.XavierUniform(d.Dim, k), d.Dim, k), at.Param("bias", graph.Fill(
		losses.FocalBias), k)
	return func(y *graph.Node) *graph.Node {
		shape := op.ShapeOf(y)
		return op.Reshape(op.Add(layer.Product(s, op.Reshape(y, -1, d.Dim), w), bias), shape[0], shape[1], k)
	}
}

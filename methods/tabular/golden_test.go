package tabular

import (
	"fmt"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
)

// The losses and the corruptions of the methods for rows against numbers of the authors' codes. SCARF's are in
// scarf_test.go, SAINT's transformer in backbones.
var goldenTables = map[string]func(*ongraph.Case){
	"vime_self": vimeSelf, "vime_semi": vimeSemi,
	"subtab_subsets": subtabSubsets, "subtab_joint_mse": subtabJoint, "subtab_joint_bce_dot": subtabJoint,
	"saint_augment": saintAugment, "saint_losses": saintLosses,
}

func TestGoldenTables(t *testing.T) {
	golden.Each(t, "tabular", goldenTables, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) {
		ongraph.Check(t, f, len(f.Grads) > 0, build)
	})
}

// numbers is a table of so many columns of numbers.
func numbers(columns int) table { return table{of: make([]int, columns)} }

// dense is a linear layer of a fixture.
func dense(c *ongraph.Case, name string, x *graph.Node) *graph.Node {
	return op.Add(op.MatMul(x, c.In("w_"+name, golden.Linear), false, false), c.In("b_"+name, golden.Same))
}

// permuted is column j of data [N,K] from the rows that perm says, [K,N].
func permuted(data, perm golden.Tensor) (other []float64) {
	n, k := data.Shape[0], data.Shape[1]
	for i := range n {
		for j := range k {
			other = append(other, data.Data[int(perm.Data[j*n+i])*k+j])
		}
	}
	return other
}

func vimeSelf(c *ongraph.Case) {
	x, data := c.In("x", golden.Same), c.F.Inputs["x"]
	other := c.Floats("other", permuted(data, c.F.Inputs["perm"]), data.Shape...)
	corrupted := Replace(x, other, c.In("mask", golden.Same))
	t := numbers(data.Shape[1])
	label := t.differ(corrupted, x)
	c.Out("x_tilde", corrupted, golden.Same)
	c.Out("mask_label", label, golden.Same)
	h := op.Relu(dense(c, "enc", corrupted))
	mask := maskLoss(dense(c, "mask", h), label)
	// The authors' numbers are from 0 to 1, and told through a sigmoid.
	feature := op.MeanAll(t.errors(c.Scope, op.Sigmoid(dense(c, "feature", h)), x))
	c.Out("loss_mask", mask, golden.Same)
	c.Out("loss_feature", feature, golden.Same)
	c.Out("loss", op.Add(mask, op.Scale(feature, golden.Param[float64](c.T, c.F, "alpha"))), golden.Same)
}

func vimeSemi(c *ongraph.Case) {
	consistency := varianceOver(c.In("logits", golden.Same))
	supervised := labelled(c.In("y_logits", golden.Same), c.Ints("labels"))
	c.Out("unsupervised", consistency, golden.Same)
	c.Out("supervised", supervised, golden.Same)
	c.Out("loss", op.Add(supervised, op.Scale(consistency, golden.Param[float64](c.T, c.F, "beta"))), golden.Same)
}

func subtabSubsets(c *ongraph.Case) {
	x, data := c.In("x", golden.Same), c.F.Inputs["x"]
	count := int(golden.Param[float64](c.T, c.F, "n_subsets"))
	ranges := backbones.SubsetRanges(data.Shape[1], count, golden.Param[float64](c.T, c.F, "overlap"))
	mask, perm := c.F.Inputs["mask"], c.F.Inputs["perm"]
	for i, place := range c.F.Inputs["subset_order"].Data {
		r := ranges[int(place)]
		n, w := data.Shape[0], r[1]-r[0]
		part := golden.Tensor{Shape: []int{n, w}}
		for row := range n {
			part.Data = append(part.Data, data.Data[row*data.Shape[1]+r[0]:][:w]...)
		}
		of := golden.Tensor{Shape: []int{w, n}, Data: perm.Data[i*n*w:][:n*w]}
		name := fmt.Sprintf("subset%d", i)
		c.Out(name, Replace(op.Slice(x, 1, r[0], r[1]), c.Floats(name+"/other", permuted(part, of), n, w),
			c.Floats(name+"/mask", mask.Data[i*n*w:][:n*w], n, w)), golden.Same)
	}
}

func subtabJoint(c *ongraph.Case) {
	z, told, x := c.In("representation", golden.Same), c.In("xrecon", golden.Same), c.In("xorig", golden.Same)
	n := op.ShapeOf(z)[0] / 2
	m := &SubTab{Temperature: golden.Param[float64](c.T, c.F, "tau"), Similarity: "dot"}
	if golden.Param[bool](c.T, c.F, "cosine_similarity") {
		m.Similarity = "cosine"
	}
	contrast := m.contrast(c.Scope, z)
	distance := perRow(op.Square(op.Sub(op.Slice(z, 0, 0, n), op.Slice(z, 0, n, 2*n))))
	errors := numbers(op.ShapeOf(x)[1]).errors(c.Scope, told, x)
	if !golden.Param[bool](c.T, c.F, "reconstruction") { // binary cross-entropy of probabilities, which we do not offer
		no := func(p *graph.Node) *graph.Node { return op.Affine(p, -1, 1) }
		errors = op.Neg(op.Add(op.Mul(x, op.Log(told)), op.Mul(no(x), op.Log(no(told)))))
	}
	restored := perRow(errors)
	c.Out("contrastive", contrast, golden.Same)
	c.Out("distance", distance, golden.Same)
	c.Out("reconstruction", restored, golden.Same)
	c.Out("loss", op.Sum(contrast, distance, restored), golden.Same)
}

func saintAugment(c *ongraph.Case) {
	ids := c.Ints("index")
	for kind, name := range map[string]string{"x_categ": "keep_cat", "x_cont": "keep_cont"} {
		replaced := op.Affine(c.In(name, golden.Same), -1, 1)
		c.Out(kind+"_corrupted", cutMix(c.In(kind, golden.Same), ids, replaced), golden.Same)
	}
	share := golden.Param[float64](c.T, c.F, "mixup_lam")
	other := c.Ints("index_mixup")
	for _, name := range []string{"categ_emb", "cont_emb"} {
		c.Out(name+"_mixed", mixup(c.In(name, golden.Same), other, share), golden.Same)
	}
}

func saintLosses(c *ongraph.Case) {
	project := func(features, w string) *graph.Node {
		return op.MatMul(unitTokens(c.In(features, golden.Same)), c.In(w, golden.Linear), false, false)
	}
	a, z := project("features_clean", "w1"), project("features_augmented", "w2")
	logits := products(c.Scope, a, z, golden.Param[float64](c.T, c.F, "nce_temp"))
	own := losses.Own(c.Scope, logits)
	c.Out("contrastive_12", op.MeanAll(op.CrossEntropy(logits, own, 0)), golden.Same)
	c.Out("contrastive_21", op.MeanAll(op.CrossEntropy(op.Transpose(logits, 1, 0), own, 0)), golden.Same)

	// Column 0 of the categories is the class token, which is not told.
	told := []*graph.Node{c.In("cont_out", golden.Same)}
	t := numbers(op.ShapeOf(told[0])[1])
	x := []*graph.Node{c.In("x_cont", golden.Same)}
	categories := c.In("x_categ", golden.Same)
	for k := 1; k < op.ShapeOf(categories)[1]; k++ {
		out := c.In(fmt.Sprintf("cat_out%d", k), golden.Same)
		t.of, told = append(t.of, op.ShapeOf(out)[1]), append(told, out)
		x = append(x, op.Slice(categories, 1, k, k+1))
	}
	inCategories, inNumbers := t.byKind(t.errors(c.Scope, op.Concat(1, told...), op.Concat(1, x...)))
	c.Out("denoise_categorical", inCategories, golden.Same)
	c.Out("denoise_continuous", inNumbers, golden.Same)
	weight := func(name string) float64 { return golden.Param[float64](c.T, c.F, name) }
	c.Out("loss", op.Sum(op.Scale(losses.Matching(c.Scope, logits, 0), weight("lam0")),
		op.Scale(inCategories, weight("lam2")), op.Scale(inNumbers, weight("lam3"))), golden.Same)
}

package contrastive

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
)

// enqueued is a queue [K,D] with rows put behind the place where the fixture's pointer stands.
func enqueued(c *ongraph.Case, queue, rows *graph.Node) *graph.Node {
	return op.PutAt(queue, c.Constant(golden.Param[float64](c.T, c.F, "ptr_before")), rows)
}

func unit(x *graph.Node) *graph.Node { return op.Normalize(x, losses.Eps) }

// memoryCases are losses with memories, teachers and neighbours.
var memoryCases = map[string]func(c *ongraph.Case){
	// The bank of this code drops the rows of a batch that do not fit at its end, where ours goes on at its beginning.
	"ntxent_memory_bank": func(c *ongraph.Case) {
		q, k, bank := c.In("out0", golden.Same), c.In("out1", golden.Same), op.StopGradient(c.In("bank", golden.Same))
		rows := unit(k)
		if room := golden.Param[int](c.T, c.F, "bank_size") - golden.Param[int](c.T, c.F, "ptr_before"); room <
			op.ShapeOf(k)[0] {
			rows = op.Slice(rows, 0, 0, room)
		}
		c.Out("bank_after", enqueued(c, bank, rows), golden.Same)
		c.Out("loss", losses.InfoNCE(c.Scope, q, k, bank, golden.Param[float64](c.T, c.F, "temperature")), golden.Same)
	},
	"mocov3": func(c *ongraph.Case) {
		m := &MoCoV3{Temperature: golden.Param[float64](c.T, c.F, "temperature")}
		q := []*graph.Node{c.In("q1", golden.Same), c.In("q2", golden.Same)}
		c.Out("loss", m.loss(c.Scope, q, []*graph.Node{c.In("k1", golden.Same), c.In("k2", golden.Same)}), golden.Same)
	},
	"nnclr": func(c *ongraph.Case) {
		m := &NNCLR{Temperature: golden.Param[float64](c.T, c.F, "temperature")}
		z, bank := c.In("z", golden.Same), c.In("bank", golden.Same)
		near := losses.Nearest(unit(z), unit(bank), 1)
		c.Out("nearest", losses.RowsAt(bank, near), golden.Same)
		c.Out("bank_after", enqueued(c, bank, z), golden.Same)
		c.Out("loss", m.term(c.Scope, c.In("p", golden.Same), unit(z), unit(bank)), golden.Same)
	},
	"ressl": func(c *ongraph.Case) {
		c.Out("loss", losses.Relation(c.In("q", golden.Same), c.In("k", golden.Same), c.In("queue", golden.Same),
			golden.Param[float64](c.T, c.F, "temperature_q"), golden.Param[float64](c.T, c.F, "temperature_k")),
			golden.Same)
	},
	"pcl": func(c *ongraph.Case) {
		m := &PCL{Queued: Queued{Temperature: golden.Param[float64](c.T, c.F, "temperature")}}
		q, queue := c.In("q", golden.Same), op.StopGradient(c.In("queue", golden.Linear))
		instance := losses.InfoNCE(c.Scope, q, op.StopGradient(c.In("k", golden.Same)), queue, m.Temperature)
		of := op.Gather(c.Ints("im2cluster0"), c.Ints("index"))
		proto := m.proto(c.Scope, unit(q), of, c.In("centroids0", golden.Same), c.In("density0", golden.Same))
		c.Out("instance", instance, golden.Same)
		c.Out("proto", proto, golden.Same)
		c.Out("loss", op.Add(instance, proto), golden.Same)
	},
	"mean_shift": func(c *ongraph.Case) {
		target := unit(op.StopGradient(c.In("target", golden.Same)))
		queue := enqueued(c, op.StopGradient(c.In("queue", golden.Same)), target)
		c.Out("queue_after", queue, golden.Same)
		b, k := op.ShapeOf(target)[0], golden.Param[int](c.T, c.F, "topk")
		near := losses.Nearest(target, queue, k)
		labels := op.PutAt(c.Ints("queue_labels"), c.Constant(golden.Param[float64](c.T, c.F, "ptr_before")),
			c.Ints("batch_labels"))
		of := op.Reshape(op.Gather(labels, op.Reshape(near, b*k)), b, k)
		c.Out("purity", op.MeanAll(c.Equal(of, op.Reshape(c.Ints("batch_labels"), b, 1))), golden.Same)
		m := &MSF{Neighbours: k, Constraint: unconstrained}
		c.Out("loss", m.loss(c.Scope, nil, c.In("query", golden.Same), target, queue), golden.Same)
	},
}

// Losses, memories afterwards and gradients are those of the reference code.
func TestGoldenMemories(t *testing.T) {
	golden.Each(t, "losses", memoryCases, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) {
		ongraph.Check(t, f, true, build)
	})
}

// AMDIM's terms, their sum and the penalty are those of the authors' code.
func TestGoldenAMDIM(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "origins/amdim"), true, func(c *ongraph.Case) {
		m := &AMDIM{Clip: golden.Param[float64](c.T, c.F, "tclip"),
			Penalty: golden.Param[float64](c.T, c.F, "reg_coef")}
		b := c.F.Inputs["r1_src_1"].Shape[0]
		places := func(name string) *graph.Node { // [D,B*T] -> [B,T,D]
			x := c.In(name, golden.Linear)
			return op.Reshape(x, b, -1, op.ShapeOf(x)[1])
		}
		view := func(v string) scale {
			return scale{c.In("r1_src_"+v, golden.Same), c.In("r5_src_"+v, golden.Same), places("r5_trg_" + v),
				places("r7_trg_" + v)}
		}
		terms := m.terms(c.Scope, view("1"), view("2"))
		for i, name := range []string{"loss_1t5", "loss_1t7", "loss_5t5"} {
			c.Out(name, terms[i].Value, golden.Same)
		}
		c.Out("regularizer", op.Scale(terms[3].Value, terms[3].Weight), golden.Same)
		c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
	})
}

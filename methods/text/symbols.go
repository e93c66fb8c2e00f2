package text

import (
	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
)

// need is the encoder in parts, for methods of symbols; other data and backbones stop the build.
func need(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *backbones.TokenEncoder {
	if f := b.Of(feed.View(0)); !f.Int || len(f.Of) != 1 {
		b.Unfit("the data have %v: this method guesses symbols, choose a dataset of texts such as [dataset.text]", f)
	}
	var e *backbones.TokenEncoder
	if enc.Tokens != nil {
		e = enc.Tokens(s)
	}
	if e == nil || e.Symbols == nil {
		b.Unfit("this backbone has no tokens of symbols: choose one that has, such as [backbone.transformer]")
	}
	return e
}

// needBoth is need of an encoder whose symbols attend to those before and behind them.
func needBoth(s *graph.Scope, enc methods.Encoder, b *methods.Batch) *backbones.TokenEncoder {
	e := need(s, enc, b)
	if e.Symbols.Causal {
		op.Fail("", "this method reads what is before and behind a symbol, and the transformer's symbols attend to "+
			"those before them alone; want backbone.transformer.form = \"bert\"")
	}
	return e
}

// extended is the embeddings of an encoder's symbols and of so many special ones of the method's own behind them,
// [V+special,D].
func extended(s *graph.Scope, e *backbones.TokenEncoder, special int) *graph.Node {
	return op.Concat(0, e.Symbols.Table, s.Param("special", graph.Normal(0.02), special, e.Dim))
}

// look is the embeddings of ids [B,T] in a table [V,D], [B,T,D].
func look(table, ids *graph.Node) *graph.Node {
	n := op.ShapeOf(ids)
	return op.Reshape(op.Gather(table, op.Reshape(ids, -1)), n[0], n[1], op.ShapeOf(table)[1])
}

// told is the products of tokens y [...,D] with embeddings [V,D], logits [N,V] of the symbols.
func told(s *graph.Scope, y, table *graph.Node) *graph.Node {
	return op.Apply(op.MatMulOp{TransB: true, BF16: s.BF16()}, op.Reshape(y, -1, op.ShapeOf(table)[1]), table)
}

// Next is the mean cross-entropy in nats of logits [B,T,V] for the symbol behind each of ids [B,T], and the share that
// is right, over those that are no padding: there [B,T]. The last logits of a text are for nothing.
func Next(logits, ids, there *graph.Node) (loss, accuracy *graph.Node) {
	n := op.ShapeOf(logits)
	b, t, v := n[0], n[1], n[2]
	return Guess(op.Reshape(op.Slice(logits, 1, 0, t-1), b*(t-1), v), op.Reshape(op.Slice(ids, 1, 1, t), -1),
		op.Slice(there, 1, 1, t))
}

// spelled is the metrics of guessed symbols.
func spelled(loss, accuracy, features *graph.Node) []methods.Metric {
	return []methods.Metric{{Name: "perplexity", Value: op.StopGradient(op.Exp(loss))},
		{Name: "accuracy", Value: accuracy}, {Name: "spread", Value: losses.Spread(features)}}
}

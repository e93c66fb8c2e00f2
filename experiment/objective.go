package experiment

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/internal/callsite"
	"selfsup/methods"
)

// What a method or a backbone of somebody else may get wrong is said here in its own words, with its name in the recipe
// and the line where it is declared, before a layer below stumbles over it.

// taken are the names of metrics.jsonl that no term or metric can have.
var taken = []string{
	LossOutput, normsOutput, rateInput, "step", "epoch", "seconds", "data_wait", "weight_decay", gradientField,
	probeScope + "/loss", probeScope + "/accuracy",
}

// blame stops the construction of a graph with an error about what a method of v returned, such as Build.
func blame(table string, v any, method, format string, args ...any) {
	panic(&op.BuildError{Msg: fmt.Sprintf("[%s] %s ", table, method) + fmt.Sprintf(format, args...),
		At: callsite.Method(v, method)})
}

// checkObjective stops the construction of a training step whose method returned what it cannot be trained by. batch
// and dim are the rows and the width that its features have.
func checkObjective(table string, m methods.Method, o methods.Objective, batch, dim int) {
	bad := func(format string, args ...any) { blame(table, m, "Build", format, args...) }
	if o.Features != nil && !op.ShapeOf(o.Features).Equal([]int{batch, dim}) {
		bad("returns Features %v; want [%d,%d], a row a sample", op.ShapeOf(o.Features), batch, dim)
	}
	if len(o.Players) > 0 && len(o.Terms) > 0 {
		bad("returns Terms beside Players; want each term to be some player's")
	}
	for i, p := range playersOf(o) {
		switch {
		case len(p.Terms) == 0:
			bad("returns no Terms; want at least one, whose Value is a number to make small")
		case !slices.ContainsFunc(p.Terms, func(t methods.Term) bool { return t.Weight != 0 }):
			bad("gives every term the weight 0 (%s), so that nothing would be trained; want one that is another number",
				termNames(p.Terms))
		case len(o.Players) > 0 && p.Name == "":
			bad("returns player %d without a name; the log writes its loss under it", i)
		case p.Turn < 0 || p.Turn > i:
			bad("returns the player %q with turn %d; want turns from 0 on, none left out, in the order of the players",
				p.Name, p.Turn)
		}
	}
	named := slices.Clone(taken)
	check := func(kind, name string, value *graph.Node) {
		switch {
		case name == "":
			bad("returns a %s without a name; the log writes its value under it", kind)
		case slices.Contains(taken, name):
			bad("returns a %s with the name %q, which the log uses itself; want another name", kind, name)
		case slices.Contains(named, name):
			bad("returns two values with the name %q; want a name for each term and metric", name)
		case value == nil:
			bad("returns the %s %q without a Value", kind, name)
		case len(op.ShapeOf(value)) != 0:
			bad("returns the %s %q of shape %v; want one number, such as op.MeanAll of it", kind, name,
				op.ShapeOf(value))
		}
		named = append(named, name)
	}
	for _, p := range playersOf(o) {
		for _, t := range p.Terms {
			check("term", t.Name, t.Value)
		}
		if len(o.Players) > 0 && !slices.ContainsFunc(p.Terms, func(t methods.Term) bool { return t.Name == p.Name }) {
			check("player", p.Name, p.Terms[0].Value)
		}
	}
	for _, m := range o.Metrics {
		check("metric", m.Name, m.Value)
	}
	for _, a := range o.Alarms {
		if !slices.Contains(named[len(taken):], a.Of) {
			bad("returns an alarm of %q, which is no term or metric; want one of %s", a.Of,
				strings.Join(named[len(taken):], ", "))
		}
	}
	checkPictures(o.Pictures, bad)
}

// checkPlayers stops players that share a parameter, whose two steps would overwrite each other, and those that leave
// one out, which would stay as it was drawn.
func checkPlayers(g *graph.Scope, table string, m methods.Method, o methods.Objective) {
	if len(o.Players) == 0 {
		return
	}
	bad := func(format string, args ...any) { blame(table, m, "Build", format, args...) }
	for _, n := range g.Params() {
		var by []string
		for _, p := range o.Players {
			if slices.ContainsFunc(p.Scopes, func(scope string) bool { return below(g.Name(n), scope) }) {
				by = append(by, p.Name)
			}
		}
		switch {
		case len(by) == 0:
			bad("leaves the parameter %s to no player; want it below the Scopes of one, or in a Locked scope",
				g.Name(n))
		case len(by) > 1:
			bad("gives the parameter %s to the players %s; want Scopes that have nothing in common", g.Name(n),
				strings.Join(by, " and "))
		}
	}
	for _, p := range o.Players {
		if len(paramsOf(g, p)) == 0 {
			bad("returns the player %q with Scopes %q, below which there is no parameter", p.Name, p.Scopes)
		}
	}
}

func termNames(terms []methods.Term) string {
	var names []string
	for _, t := range terms {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// checkedEncoder is b.New with a check that it does what the backbone's Dim promises.
func checkedEncoder(table string, b backbones.Backbone, s *graph.Scope, in backbones.Input) layer.Func {
	encode := b.New(s, in)
	if encode == nil {
		blame(table, b, "New", "returns nil; want a function from samples to features")
	}
	return func(x *graph.Node) *graph.Node {
		y := encode(x)
		if y == nil {
			blame(table, b, "New", "returns a function that returns nil; want features [%d,%d]", op.ShapeOf(x)[0],
				b.Dim())
		}
		if rows := op.ShapeOf(x)[0]; !op.ShapeOf(y).Equal([]int{rows, b.Dim()}) {
			blame(table, b, "New", "makes features %v of images %v, and Dim says %d; want [%d,%[3]d]", op.ShapeOf(y),
				op.ShapeOf(x), b.Dim(), rows)
		}
		return y
	}
}

// checkedTokens is b.NewTokens with the same check.
func checkedTokens(table string, b backbones.Tokens, s *graph.Scope, in backbones.Input) *backbones.TokenEncoder {
	t := b.NewTokens(s, in)
	switch {
	case t == nil || t.Embed == nil || t.Encode == nil:
		blame(table, b, "NewTokens", "leaves out Embed or Encode; want both")
	case t.Dim != b.Dim():
		blame(table, b, "NewTokens", "makes tokens of %d numbers, and Dim says %d; want the same", t.Dim, b.Dim())
	}
	return t
}

package recipes

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"selfsup/graph"
	"selfsup/recipes/overlay"
)

// sweepTable is the table of a recipe's file that makes many recipes of it:
//
//	[sweep]
//	seeds = 3       # every point with the seeds 1, 2 and 3
//	draws = 4       # points of [sweep.random]
//	seed = 1        # of these draws; default 1
//
//	[sweep.grid]    # every combination
//	method.simclr.temperature = [0.1, 0.2, 0.5]
//
//	[sweep.random]
//	optimizer.lars.rate = { from = 0.03, to = 1.0, log = true }
//	views.blur = { choose = [0.0, 0.5] }
//
//	[[sweep.list]]  # settings that change together
//	train.batch = 128
//	train.length = "30 epochs"
//
// Parts that are there are combined: every combination of the grid with every draw, every table of the list and every
// seed. Keys are those of the recipe, and their values are laid over the file's as --set's are, which come last.
const sweepTable = "sweep"

// maxPoints is the most points of a sweep: a grid of more is a slip.
const maxPoints = 10000

// Sweep is a recipe with everything that its [sweep] makes of it.
type Sweep struct {
	File   string
	Sets   []string
	Points []Point
}

// Point is one recipe of a sweep.
type Point struct {
	*Loaded
	Varies []Varied // what the sweep sets, in the order in which it is written
}

// Varied is a setting of a point.
type Varied struct{ Key, Value string } // as of overlay.Leaf

// String is the settings of a point in words.
func (p Point) String() string {
	var words []string
	for _, v := range p.Varies {
		words = append(words, v.Key+"="+v.Value)
	}
	return strings.Join(words, " ")
}

// LoadSweep resolves every point of a recipe file's [sweep]: seed by seed, so that all settings are tried early. A file
// without the table, and points that are the same experiment, are mistakes.
func LoadSweep(file string, sets []string, c Catalog) (*Sweep, error) {
	opt := c.options()
	table, ok, err := overlay.ReadApart(file, sweepTable, opt)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, overlay.Errors{{File: file, NoLine: "missing", Text: "there is no [sweep]: want such as " +
			"[sweep.grid] with method.simclr.temperature = [0.1, 0.2], or [sweep] with seeds = 3"}}
	}
	all, err := pointsOf(table)
	if err != nil {
		return nil, err
	}
	s := &Sweep{File: file, Sets: sets}
	known := map[string]int{}
	for i, given := range all {
		p := Point{}
		if p.Loaded, err = loadVariant(file, given, sets, c); err != nil {
			return nil, fmt.Errorf("%w\nin point %d of %d", err, i, len(all))
		}
		if p.Varies, err = varied(given, p.Loaded); err != nil {
			return nil, err
		}
		if other, same := known[p.Resolved]; same {
			return nil, fmt.Errorf("%w\nin point %d of %d",
				table.BadKey("the points %d and %d are the same experiment "+
					"(%s): a value is tried twice, or --set takes away what varies", other, i, p), i, len(all))
		}
		known[p.Resolved] = i
		s.Points = append(s.Points, p)
	}
	return s, nil
}

// loadVariant is Load of a recipe with given values.
func loadVariant(file string, given []overlay.Given, sets []string, c Catalog) (*Loaded, error) {
	r := Default()
	res, err := overlay.LoadVariant(file, given, sets, c.options(), r)
	if err != nil {
		return nil, err
	}
	return finish(r, res, file, sets, c)
}

// varied lists what a point's given values came to.
func varied(given []overlay.Given, l *Loaded) (list []Varied, err error) {
	var leaves func(key []string, v overlay.Value)
	leaves = func(key []string, v overlay.Value) {
		if inner := v.Keys(); len(inner) > 0 {
			for _, k := range inner {
				leaves(append(slices.Clone(key), k), v.Key(k))
			}
			return
		}
		name := strings.Join(key, ".")
		leaf, ok := l.Result.Leaf(name)
		if !ok { // a list of tables
			leaf.Value = v.Found()
		}
		list = append(list, Varied{name, leaf.Value})
	}
	for _, g := range given {
		leaves(g.Key, g.Value)
	}
	return list, nil
}

// pointsOf is what each point of a sweep is given.
func pointsOf(table overlay.Value) (points [][]overlay.Given, err error) {
	keys := []string{"seeds", "seed", "draws", "grid", "random", "list"}
	for _, k := range table.Keys() {
		if slices.Contains(keys, k) {
			continue
		}
		hint := "; known here: " + strings.Join(keys, ", ") + "; settings of the recipe go below [sweep.grid], " +
			"[sweep.random] or [[sweep.list]]"
		if near := overlay.Nearest(k, keys); len(near) > 0 {
			hint = ", did you mean " + strings.Join(near, " or ") + "?"
		}
		return nil, table.Key(k).BadKey("unknown key%s", hint)
	}
	if _, isTable := table.X.(map[string]any); !isTable || len(table.Keys()) == 0 {
		return nil, table.BadKey("want a table, such as [sweep.grid] with method.simclr.temperature = [0.1, 0.2]")
	}
	seeds, err := whole(table.Key("seeds"), 1, maxPoints, 0)
	if err != nil {
		return nil, err
	}
	points = [][]overlay.Given{nil}
	combine := func(at overlay.Value, with [][]overlay.Given) error {
		if n := len(points) * len(with); n > maxPoints {
			return at.BadKey("the sweep has %d points with this; want at most %d", n, maxPoints)
		}
		var next [][]overlay.Given
		for _, p := range points {
			for _, w := range with {
				next = append(next, slices.Concat(p, w))
			}
		}
		points = next
		return nil
	}
	if seeds > 0 {
		var each [][]overlay.Given
		for n := range seeds {
			each = append(each, []overlay.Given{{Key: []string{"seed"}, Value: table.Key("seeds").Drawn(int64(n + 1))}})
		}
		if err := combine(table.Key("seeds"), each); err != nil {
			return nil, err
		}
	}
	if list := table.Key("list"); list.X != nil {
		with, err := listed(list)
		if err != nil {
			return nil, err
		}
		if err := combine(list, with); err != nil {
			return nil, err
		}
	}
	if random := table.Key("random"); random.X != nil || table.Key("draws").X != nil {
		with, err := drawn(random, table)
		if err != nil {
			return nil, err
		}
		if err := combine(random, with); err != nil {
			return nil, err
		}
	} else if seed := table.Key("seed"); seed.X != nil {
		return nil, seed.BadKey("is of the draws of [sweep.random], and there is none; seeds = 3 trains each point " +
			"with three seeds")
	}
	if grid := table.Key("grid"); grid.X != nil {
		axes, err := axesOf(nil, grid, func(v overlay.Value) bool { _, isList := v.List(); return isList },
			"a list of the values to try, such as [0.1, 0.2]")
		if err != nil {
			return nil, err
		}
		for _, a := range axes {
			values, _ := a.Value.List()
			if len(values) == 0 {
				return nil, a.Value.Bad("no value to try; want such as [0.1, 0.2]")
			}
			var with [][]overlay.Given
			for _, v := range values {
				with = append(with, []overlay.Given{{Key: a.Key, Value: v}})
			}
			if err := combine(a.Value, with); err != nil {
				return nil, err
			}
		}
	}
	return points, nil
}

// whole is an integer of a range, or a default where nothing is written.
func whole(v overlay.Value, least, most, otherwise int64) (int64, error) {
	n, ok := v.X.(int64)
	switch {
	case v.X == nil:
		return otherwise, nil
	case !ok || n < least || n > most:
		return 0, v.Bad("wants an integer from %d to %d, found %s", least, most, v.Found())
	}
	return n, nil
}

// listed is the tables of [[sweep.list]].
func listed(list overlay.Value) (with [][]overlay.Given, err error) {
	tables, ok := list.List()
	if !ok || len(tables) == 0 {
		return nil, list.BadKey("wants tables of settings, as [[sweep.list]], found %s", list.Found())
	}
	for _, t := range tables {
		if len(t.Keys()) == 0 {
			return nil, t.BadKey("wants a table of settings that change, found %s", t.Found())
		}
		with = append(with, []overlay.Given{{Value: t}})
	}
	return with, nil
}

// axesOf lists the values of a table of settings that a test takes for an axis of the sweep, by the keys above them.
func axesOf(key []string, v overlay.Value, is func(overlay.Value) bool, want string) (axes []overlay.Given, err error) {
	if len(key) > 0 && is(v) {
		return []overlay.Given{{Key: key, Value: v}}, nil
	}
	keys := v.Keys()
	if len(keys) == 0 {
		return nil, v.Bad("wants %s, found %s", want, v.Found())
	}
	for _, k := range keys {
		inner, err := axesOf(append(slices.Clone(key), k), v.Key(k), is, want)
		if err != nil {
			return nil, err
		}
		axes = append(axes, inner...)
	}
	return axes, nil
}

// drawTries is how many draws are made for each that is wanted: one that was there before is drawn again.
const drawTries = 100

// drawn is the points of [sweep.random], each different. What is drawn for a setting depends on the sweep's seed, its
// key and the number of the draw alone.
func drawn(random, table overlay.Value) (with [][]overlay.Given, err error) {
	switch {
	case random.X == nil:
		return nil, table.Key("draws").BadKey("is how many points [sweep.random] draws, and there is none")
	case table.Key("draws").X == nil:
		return nil, random.BadKey("wants to know how many points to draw: [sweep] with draws = 8")
	}
	draws, err := whole(table.Key("draws"), 1, maxPoints, 0)
	if err != nil {
		return nil, err
	}
	seed, err := whole(table.Key("seed"), 0, math.MaxInt64, 1)
	if err != nil {
		return nil, err
	}
	axes, err := axesOf(nil, random, isRange, "what to draw from, such as { from = 0.1, to = 1.0, log = true } or "+
		"{ choose = [1, 2] }")
	if err != nil {
		return nil, err
	}
	ranges := make([]*scope, len(axes))
	for i, a := range axes {
		if ranges[i], err = scopeOf(a.Value); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	for try := 0; len(with) < int(draws); try++ {
		if try == int(draws)*drawTries {
			return nil, table.Key("draws").Bad("%d: [sweep.random] has only %d different points", draws, len(with))
		}
		var one []overlay.Given
		key := ""
		for i, a := range axes {
			name := fmt.Sprintf("sweep/%s/%d", strings.Join(a.Key, "."), try)
			v, id := ranges[i].draw(graph.Rand(uint64(seed), name).Float64())
			one = append(one, overlay.Given{Key: a.Key, Value: v})
			key += id + "\x00"
		}
		if !seen[key] {
			seen[key] = true
			with = append(with, one)
		}
	}
	return with, nil
}

// isRange tells what is drawn from, an inline table, from the tables of the recipe around it.
func isRange(v overlay.Value) bool {
	tree, _ := v.X.(map[string]any)
	_, numbers := number(tree["from"])
	_, isList := tree["choose"].([]any)
	_, isTables := tree["choose"].([]map[string]any)
	return numbers || isList || isTables
}

func number(x any) (float64, bool) {
	switch x := x.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// scope is what a setting is drawn from: values, or a range of numbers.
type scope struct {
	of       overlay.Value
	values   []overlay.Value
	from, to float64
	log      bool
	integers bool
}

func scopeOf(v overlay.Value) (*scope, error) {
	s := &scope{of: v}
	var keys []string
	if choose := v.Key("choose"); choose.X != nil {
		keys = []string{"choose"}
		if s.values, _ = choose.List(); len(s.values) == 0 {
			return nil, choose.Bad("no value to choose from; want such as [1, 2]")
		}
	} else {
		keys = []string{"from", "to", "log"}
		ok := true
		s.from, _ = number(v.Key("from").X)
		if s.to, ok = number(v.Key("to").X); !ok || !(s.from < s.to) || math.IsInf(s.to-s.from, 0) {
			return nil, v.Bad("wants numbers with from below to, found from %s and to %s", v.Key("from").Found(),
				v.Key("to").Found())
		}
		if x := v.Key("log").X; x != nil {
			if s.log, ok = x.(bool); !ok {
				return nil, v.Key("log").Bad("wants true or false, found %s", v.Key("log").Found())
			}
		}
		if s.log && s.from <= 0 {
			return nil, v.Key("from").Bad("wants a number above 0 with log = true, found %s", v.Key("from").Found())
		}
		_, a := v.Key("from").X.(int64)
		_, b := v.Key("to").X.(int64)
		s.integers = a && b
	}
	for _, k := range v.Keys() {
		if !slices.Contains(keys, k) {
			return nil, v.Key(k).BadKey("unknown key; known here: %s", strings.Join(keys, ", "))
		}
	}
	return s, nil
}

// draw is the value at a place u in [0,1) of the range, and a word for it. Numbers with a point have four significant
// digits, so that a table of points can be read.
func (s *scope) draw(u float64) (v overlay.Value, id string) {
	if s.values != nil {
		i := int(u * float64(len(s.values)))
		return s.values[i], strconv.Itoa(i)
	}
	from, to := s.from, s.to
	if s.integers { // each as likely as the others
		to++
	}
	x := from + u*(to-from)
	if s.log {
		x = from * math.Pow(to/from, u)
	}
	if s.integers {
		n := int64(min(math.Floor(x), s.to))
		return s.of.Drawn(n), strconv.FormatInt(n, 10)
	}
	id = strconv.FormatFloat(x, 'g', 4, 64)
	x, _ = strconv.ParseFloat(id, 64)
	return s.of.Drawn(min(max(x, s.from), s.to)), id
}

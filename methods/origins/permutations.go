package origins

import "math/bits"

// permutations is count orders of n tiles that differ in as many places as can be: after the first, each is the one
// whose Hamming distances to those before sum to most, of equal ones the first in lexicographic order.
//
// Noroozi and Favaro 2016, arXiv:1603.09246, algorithm 1. The sum of the distances is n times the orders before less
// how often they have the same tile in the same place, so the search goes along the tiles and leaves out what can no
// longer come to less than the best one found.
func permutations(first []int, count int) [][]int {
	n := len(first)
	c := &chooser{n: n, uses: make([][]int, n), chosen: map[uint64]bool{}, least: make([]int, 1<<n)}
	for place := range c.uses {
		c.uses[place] = make([]int, n)
	}
	orders := [][]int{first}
	for c.choose(first); len(orders) < count; c.choose(orders[len(orders)-1]) {
		c.bound()
		c.best, c.cost = nil, 1<<62
		c.search(make([]int, 0, n), 0, 0)
		orders = append(orders, c.best)
	}
	return orders
}

// chooser looks for the next order.
type chooser struct {
	n      int
	uses   [][]int // of [place][tile], among the chosen orders
	chosen map[uint64]bool
	least  []int // by the set of tiles that have a place, the least uses of the others in the places after them

	best []int
	cost int // uses of best
}

// key tells orders of up to 16 tiles apart.
func key(order []int) (k uint64) {
	for _, tile := range order {
		k = k<<4 | uint64(tile)
	}
	return k
}

func (c *chooser) choose(order []int) {
	c.chosen[key(order)] = true
	for place, tile := range order {
		c.uses[place][tile]++
	}
}

// bound fills least from the full set down.
func (c *chooser) bound() {
	for set := len(c.least) - 2; set >= 0; set-- {
		c.least[set] = 1 << 62
		for tile, uses := range c.uses[bits.OnesCount(uint(set))] {
			if with := set | 1<<tile; with != set {
				c.least[set] = min(c.least[set], uses+c.least[with])
			}
		}
	}
}

// search completes an order whose tiles are set and whose uses are cost.
func (c *chooser) search(order []int, set, cost int) {
	if cost+c.least[set] >= c.cost {
		return
	}
	if len(order) == c.n {
		if !c.chosen[key(order)] {
			c.best, c.cost = append([]int(nil), order...), cost
		}
		return
	}
	for tile, uses := range c.uses[len(order)] {
		if set&(1<<tile) == 0 {
			c.search(append(order, tile), set|1<<tile, cost+uses)
		}
	}
}

// factorial is how many orders of n tiles there are.
func factorial(n int) int {
	all := 1
	for i := 2; i <= n; i++ {
		all *= i
	}
	return all
}

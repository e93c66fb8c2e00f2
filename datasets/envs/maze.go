package envs

import "selfsup/datasets"

// maze is four rooms with doors between them, in which a goal is to be reached: worth 1, and the end of the episode;
// each step costs 0.02, and a wall stops a move. With far the way is from the first room to the last corner, a reward
// that is hardly ever met by chance; else both ends are anywhere.
//
// Sutton, Precup and Singh, Artificial Intelligence 112, 1999, have rooms and doors like these.
type maze struct {
	far bool
	way [mazeCells * mazeCells][mazeCells * mazeCells]int8 // [goal][cell] the expert's action; -1: no way
}

const (
	mazeCells = 9 // a side
	mazeCell  = 3 // pixels
	mazeEdge  = 2 // pixels before the first cell
)

// mazeWalls has # where no move leads.
var mazeWalls = [mazeCells]string{
	"....#....",
	"....#....",
	".........",
	"....#....",
	"##.###.##",
	"....#....",
	"....#....",
	".........",
	"....#....",
}

func wall(x, y int) bool {
	return x < 0 || y < 0 || x >= mazeCells || y >= mazeCells || mazeWalls[y][x] == '#'
}

// newMaze finds the shortest ways from everywhere to everywhere.
func newMaze(far bool) world {
	m := &maze{far: far}
	for goal := range m.way {
		ways := &m.way[goal]
		for i := range ways {
			ways[i] = -1
		}
		ways[goal] = 0
		for queue := []int{goal}; len(queue) > 0; queue = queue[1:] {
			x, y := queue[0]%mazeCells, queue[0]/mazeCells
			for a := 1; a < len(compass); a++ { // from the cell that action a leads here from
				px, py := x-compass[a][0], y-compass[a][1]
				if from := py*mazeCells + px; !wall(px, py) && ways[from] < 0 {
					ways[from] = int8(a)
					queue = append(queue, from)
				}
			}
		}
	}
	return m
}

func (*maze) actions() []string { return compassNames }
func (*maze) size() int         { return 4 } // x, y of the agent, x, y of the goal
func (*maze) limit() int        { return 60 }
func (*maze) sources() []string { return []string{"x", "y", "goal x", "goal y"} }

func (m *maze) start(s state, r *datasets.Rand) {
	p := s[common:]
	free := func(x, y *int32, from, cells int) {
		for *x, *y = -1, -1; wall(int(*x), int(*y)); {
			*x, *y = int32(from+r.Intn(cells)), int32(from+r.Intn(cells))
		}
	}
	if m.far {
		free(&p[0], &p[1], 0, 4)
		p[2], p[3] = mazeCells-1, mazeCells-1
		return
	}
	free(&p[0], &p[1], 0, mazeCells)
	for p[2], p[3] = p[0], p[1]; p[2] == p[0] && p[3] == p[1]; {
		free(&p[2], &p[3], 0, mazeCells)
	}
}

func (*maze) step(s state, action int) (float64, bool) {
	p, d := s[common:], compass[action]
	if x, y := int(p[0])+d[0], int(p[1])+d[1]; !wall(x, y) {
		p[0], p[1] = int32(x), int32(y)
	}
	if p[0] == p[2] && p[1] == p[3] {
		return 1, true
	}
	return -stepCost, false
}

func (*maze) draw(s state, c *canvas) {
	at := func(v int) int { return mazeEdge + mazeCell*v }
	for y := range mazeCells {
		for x := range mazeCells {
			if wall(x, y) {
				c.box(at(x), at(y), mazeCell, mazeCell, colour{150, 150, 160})
			}
		}
	}
	p := s[common:]
	c.box(at(int(p[2])), at(int(p[3])), mazeCell, mazeCell, colour{230, 60, 50})
	c.box(at(int(p[0])), at(int(p[1])), mazeCell, mazeCell, colour{240, 230, 120})
}

func (*maze) truth(s state, dst []float64) {
	for i := range 4 {
		dst[i] = share(s[common+i], mazeCells-1)
	}
}

func (m *maze) expert(s state) int {
	p := s[common:]
	return int(m.way[int(p[3])*mazeCells+int(p[2])][int(p[1])*mazeCells+int(p[0])])
}

func (*maze) words(s state) string {
	return "go to the goal " + place(s[common+2], s[common+3], mazeCells)
}

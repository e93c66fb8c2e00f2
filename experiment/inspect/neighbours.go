package inspect

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/evaluations"
	"selfsup/experiment"
	"selfsup/experiment/report"
	"selfsup/experiment/sheet"
	"selfsup/recipes"
)

// NeighbourOptions say what Neighbours looks for, and where.
type NeighbourOptions struct {
	Data       string   // as of Embed; empty: the run's own data set
	Sets       []string // changes of the recipe that Data is
	Queries    []string // image files
	K          int      // neighbours of each
	Best       bool     // the best checkpoint instead of the newest
	Convert    bool     // queries to the channels that the encoder takes
	MaxSkipped int      // images of a folder that may be left out since they do not decode
	Sheet      string   // PNG file to draw; empty: none
}

// Neighbour is an image that is near to a query.
type Neighbour struct {
	Set        string  `json:"set,omitempty"` // train, test; empty: a folder
	Row        int     `json:"row"`           // in the set
	Name       string  `json:"name"`
	Label      string  `json:"label,omitempty"`
	Similarity float64 `json:"similarity"` // cosine of the features

	part *embedPart
}

// Near is a query with its nearest images, the nearest first.
type Near struct {
	Query      string      `json:"query"`
	Neighbours []Neighbour `json:"neighbours"`

	image datasets.Image
}

// Neighbourhood is what Neighbours finds.
type Neighbourhood struct {
	Images  int             `json:"images"` // that were looked at
	Queries []Near          `json:"queries"`
	Skipped []datasets.Skip `json:"-"`
}

// Neighbours finds the images whose features are nearest to those of query images, by the cosine, as a run's encoder
// sees both. Equally near ones are in the order of the data. A query that is one of the images is its own neighbour.
func Neighbours(dir string, n NeighbourOptions, c recipes.Catalog, o experiment.Options) (*Neighbourhood, error) {
	s, _, err := experiment.OpenTrained("neighbours", dir, n.Best, c, o)
	if err != nil {
		return nil, err
	}
	if kind := s.Trained.Takes(); kind != "images" {
		return nil, &experiment.RecipeError{File: dir, Err: fmt.Errorf("the run's encoder takes %s, and neighbours "+
			"are of images", kind)}
	}
	emb, err := newEmbedder(s)
	if err != nil {
		return nil, err
	}
	out := &Neighbourhood{}
	var queries []float32
	for _, file := range n.Queries {
		q := Near{Query: file}
		x, err := embedFile(emb, file, n.Convert, &q.image)
		if err != nil {
			return nil, err
		}
		queries = append(queries, evaluations.UnitRows[float32](x, emb.dim)...)
		out.Queries = append(out.Queries, q)
	}
	parts, skipped, err := dataOfNeighbours(s, n, c)
	if err != nil {
		return nil, err
	}
	out.Skipped = skipped
	for i := range parts {
		out.Images += parts[i].set.Len()
	}
	if n.K > out.Images {
		return nil, &experiment.DataError{Err: fmt.Errorf("%d neighbours of %d images; want at most as many", n.K,
			out.Images)}
	}
	at := 0
	err = emb.each(parts, func(part embedPart, from int, x []float32) error {
		if from == 0 {
			at = slices.IndexFunc(parts, func(p embedPart) bool { return p.name == part.name })
		}
		x = evaluations.UnitRows[float32](x, emb.dim)
		for i := range len(x) / emb.dim {
			row := x[i*emb.dim : (i+1)*emb.dim]
			for q := range out.Queries {
				out.Queries[q].offer(Neighbour{Row: from + i, Similarity: dot(queries[q*emb.dim:], row),
					part: &parts[at]}, n.K)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.name()
	if n.Sheet == "" {
		return out, nil
	}
	sh, err := out.draw(filepath.Base(filepath.Clean(dir)))
	if err != nil {
		return nil, err
	}
	return out, sh.Write(n.Sheet)
}

// dataOfNeighbours opens the data that are looked through.
func dataOfNeighbours(s *experiment.Setup, n NeighbourOptions, c recipes.Catalog) ([]embedPart, []datasets.Skip,
	error) {
	if n.Data != "" {
		return toEmbed(s, n.Data, n.Sets, n.MaxSkipped, c)
	}
	r := s.Recipe
	if len(n.Sets) > 0 {
		return nil, nil, &experiment.RecipeError{File: r.File, Err: errNoRecipe}
	}
	d, err := experiment.OpenSource(r.Dataset.Name, r.Dataset.Value, datasets.Env{BaseDir: r.Dir()})
	if err != nil {
		return nil, nil, fmt.Errorf("the run's own data: %w", err)
	}
	return fitted(s, r.Dataset.Name, partsOfData(d, r.Dir()), d.Skipped)
}

// embedFile is the features of one image file, which is decoded as the run's own are.
func embedFile(e *embedder, file string, convert bool, m *datasets.Image) ([]float32, error) {
	fail := func(err error) ([]float32, error) {
		return nil, &experiment.DataError{Err: fmt.Errorf("%s: %w", file, err)}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	files := images.DefaultFiles()
	if own, ok := e.Recipe.Dataset.Value.(*images.Folder); ok {
		files = own.Files
	}
	files.Channels = 0
	if err := files.Decode(b, m); err != nil {
		return fail(err)
	}
	if m.C != e.Views.Channels {
		if !convert {
			return fail(fmt.Errorf("an image of %d channels, and the run's encoder takes %d; --convert makes them "+
				"of it", m.C, e.Views.Channels))
		}
		m.Convert(e.Views.Channels)
	}
	set := &datasets.Memory{Images: []datasets.Image{*m}, Names: []string{file}}
	x, err := e.run([]int32{0}, embedPart{set: set, maker: e.Views.Evaluation(set)})
	return slices.Clone(x), err
}

func dot(a, b []float32) (sum float64) {
	for i, v := range b {
		sum += float64(a[i]) * float64(v)
	}
	return sum
}

// offer keeps a neighbour that is among the k nearest so far.
func (q *Near) offer(n Neighbour, k int) {
	if len(q.Neighbours) == k && n.Similarity <= q.Neighbours[k-1].Similarity {
		return
	}
	at, _ := slices.BinarySearchFunc(q.Neighbours, n, func(have, n Neighbour) int {
		return cmp.Or(cmp.Compare(n.Similarity, have.Similarity), -1) // behind equal ones
	})
	q.Neighbours = slices.Insert(q.Neighbours, at, n)
	q.Neighbours = q.Neighbours[:min(k, len(q.Neighbours))]
}

// name fills in what the neighbours are called.
func (h *Neighbourhood) name() {
	for q := range h.Queries {
		for i := range h.Queries[q].Neighbours {
			n := &h.Queries[q].Neighbours[i]
			n.Set, n.Name, n.Label = n.part.name, filepath.ToSlash(n.part.named(n.Row)), n.part.label(n.Row)
		}
	}
}

// String is a table for each query.
func (h *Neighbourhood) String() string {
	var b strings.Builder
	for i, q := range h.Queries {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: the nearest of %d images\n", q.Query, h.Images)
		t := report.Table{Header: []string{"name", "set", "label", "similarity"}}
		for _, n := range q.Neighbours {
			t.Rows = append(t.Rows, []string{n.Name, orNone(n.Set), orNone(n.Label), fmt.Sprintf("%.4f", n.Similarity)})
		}
		b.WriteString(t.String())
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// draw is a row of images for each query: the query, then its neighbours with their similarities and labels.
func (h *Neighbourhood) draw(run string) (*sheet.Sheet, error) {
	sh := &sheet.Sheet{Title: fmt.Sprintf("nearest of %d images to the encoder of %s", h.Images, run),
		Columns: []string{"query"}}
	for i := range h.Queries[0].Neighbours {
		sh.Columns = append(sh.Columns, fmt.Sprint(i+1))
	}
	var m datasets.Image
	for _, q := range h.Queries {
		row := sheet.Row{Cells: []sheet.Cell{whole(&q.image)}}
		row.Cells[0].Text = filepath.Base(q.Query)
		for _, n := range q.Neighbours {
			if err := n.part.set.(datasets.Set).Image(n.Row, &m); err != nil {
				return nil, &experiment.DataError{Err: fmt.Errorf("%s: %w", n.Name, err)}
			}
			c := whole(&m)
			c.Text = fmt.Sprintf("%.3f", n.Similarity)
			if n.Label != "" {
				c.Text += "\n" + n.Label
			}
			row.Cells = append(row.Cells, c)
		}
		sh.Rows = append(sh.Rows, row)
	}
	return sh, nil
}

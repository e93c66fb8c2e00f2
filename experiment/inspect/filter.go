package inspect

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/recipes"
)

// FilterOptions say which pairs of samples and captions Filter keeps, and where it writes them.
type FilterOptions struct {
	Best bool    // the best checkpoint instead of the newest
	Keep float64 // share of the pairs that is kept, those that belong together best
	To   string  // .toml: a list, for a recipe's [subset.listed]
}

// Filtered says what Filter kept.
type Filtered struct {
	Pairs     int     `json:"pairs"`      // of the training set
	Kept      int     `json:"kept"`       // of them
	Least     float64 `json:"least"`      // cosine of a pair that is kept
	Wrong     int     `json:"wrong"`      // pairs that the run's [captions] wrong exchanged
	WrongKept int     `json:"wrong_kept"` // of them
	List      string  `json:"list"`       // CSV file with a line for every pair, the best first
}

// Filter keeps the training pairs of a run that its two towers find to belong together best: noisy captions are found
// by a model that learned from them. The captions of web data are filtered so with CLIP (Schuhmann et al. 2021, LAION,
// arXiv:2111.02114, section 3), by a threshold of the cosine where this keeps a share.
func Filter(ctx context.Context, run string, o FilterOptions, c recipes.Catalog, eo experiment.Options) (*Filtered,
	error) {
	bad := func(format string, args ...any) error {
		return &experiment.RecipeError{File: "data filter", Err: fmt.Errorf(format, args...)}
	}
	if !(o.Keep > 0 && o.Keep <= 1) {
		return nil, bad("keep %v: want a share above 0 and at most 1", o.Keep)
	}
	if filepath.Ext(o.To) != ".toml" {
		return nil, bad("output %s: want a name that ends in .toml, a list for [subset.listed]", o.To)
	}
	scores, err := experiment.PairScores(ctx, run, o.Best, c, eo)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(scores, func(a, b experiment.PairScore) int { return cmp.Compare(b.Cosine, a.Cosine) })
	kept := max(1, int(o.Keep*float64(len(scores))+0.5))
	out := &Filtered{Pairs: len(scores), Kept: kept, Least: scores[kept-1].Cosine,
		List: strings.TrimSuffix(o.To, ".toml") + ".csv"}
	rows := make([]int32, kept)
	for i, s := range scores {
		if i < kept {
			rows[i] = s.Row
		}
		if s.Wrong {
			out.Wrong++
			if i < kept {
				out.WrongKept++
			}
		}
	}
	slices.Sort(rows)
	if err := writeList(o.To, fmt.Sprintf("the training pairs of %s, chosen by experiment data filter",
		filepath.Base(filepath.Clean(run))), len(scores), rows); err != nil {
		return nil, err
	}
	return out, folder.Replace(out.List, func(w io.Writer) error {
		list := csv.NewWriter(w)
		list.Write([]string{"row", "name", "caption", "similarity"})
		for _, s := range scores {
			list.Write([]string{strconv.Itoa(int(s.Row)), filepath.ToSlash(s.Name), s.Text,
				strconv.FormatFloat(s.Cosine, 'f', 4, 64)})
		}
		list.Flush()
		return list.Error()
	})
}

// Report says in a few lines what was kept in a file.
func (f *Filtered) Report(to string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pairs    %d\nkept     %d, of cosine %.4f and more\n", f.Pairs, f.Kept, f.Least)
	if f.Wrong > 0 {
		fmt.Fprintf(&b, "wrong    %d of all (%.1f %%), %d of those kept (%.1f %%)\n", f.Wrong,
			100*float64(f.Wrong)/float64(f.Pairs), f.WrongKept, 100*float64(f.WrongKept)/float64(f.Kept))
	}
	fmt.Fprintf(&b, "wrote    %s, %s\n", to, f.List)
	return b.String()
}

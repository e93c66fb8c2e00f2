package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"selfsup/experiment/folder"
	"selfsup/graph"
)

// best is the checkpoint of the highest evaluation; the others rotate past it.
const best = "best"

// SaveBest writes a checkpoint as the best of a folder, in place of the one before. m has a score.
func SaveBest(dir string, st *graph.Store, m Meta) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	m.Seed = st.Seed
	path := filepath.Join(dir, best)
	if err := folder.Replace(path, func(w io.Writer) error { return write(w, st, m) }); err != nil {
		return fmt.Errorf("checkpoint: %s, %.2f MB at step %d: %w", path, float64(size(st))/1e6, m.Step, err)
	}
	return nil
}

// Best reads the best checkpoint of a folder. Without one the error is fs.ErrNotExist.
func Best(dir string) (*graph.Store, Meta, error) { return Load(filepath.Join(dir, best)) }

// BestScore is the score that a checkpoint has to beat, and its step: nil if the folder has no best one yet, or one
// that is damaged, which the warning says.
func BestScore(dir string) (s *Score, step int, warning string) {
	_, m, err := Best(dir)
	switch {
	case err == nil:
		return m.Score, m.Step, ""
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, ""
	}
	return nil, 0, fmt.Sprintf("%v; the next evaluation counts as the best", err)
}

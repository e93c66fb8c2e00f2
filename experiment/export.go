package experiment

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph"
)

// layoutNote tells readers of exported weights what the axes are.
const layoutNote = "NHWC; conv weights [kh,kw,in,out], linear [in,out]; norm/running [2,C]: mean, variance"

// Export writes the encoder of a run's newest or best checkpoint as a safetensors file: to a path, or if that is empty to the place in the
// run folder where the run itself writes it. It returns the path.
func Export(dir, to string, best bool, o Options) (string, error) {
	if _, err := ReadStatus(dir); err != nil {
		return "", err
	}
	f := &folder.Folder{Path: filepath.Clean(dir)}
	st, m, warning, err := readCheckpoint(f, best)
	if err != nil {
		return "", err
	}
	if st == nil {
		return "", noCheckpoint("export", dir, best)
	}
	if warning != "" {
		fmt.Fprintln(o.Messages, "warning:", warning)
	}
	if to == "" {
		to = f.File(exportFile)
	}
	return to, exportEncoder(to, st, m)
}

// export writes the trained encoder into the run folder.
func (r *run) export() error {
	return exportEncoder(r.Folder.File(exportFile), r.Store, r.meta(r.Steps))
}

// exportEncoder writes the encoder's parameters and running statistics under their names in the Store.
func exportEncoder(path string, st *graph.Store, m checkpoint.Meta) error {
	if m.Encoder == nil {
		return fmt.Errorf("export: the checkpoint of step %d does not say what its encoder is", m.Step)
	}
	var entries []*graph.Entry
	for _, name := range m.Encoder.Entries {
		e := st.Get(name)
		if e == nil {
			return fmt.Errorf("export: the checkpoint of step %d lacks the encoder's %s", m.Step, name)
		}
		entries = append(entries, e)
	}
	meta := map[string]string{
		"recipe": m.Recipe, "step": strconv.Itoa(m.Step), "layout": layoutNote,
		"input": fmt.Sprintf("[B,%d,%d,%d], (pixel/255 - mean)/std, mean %v, std %v", m.Encoder.Height, m.Encoder.Width, m.Encoder.Channels, m.Encoder.Mean, m.Encoder.Std),
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := folder.Replace(path, func(w io.Writer) error { return checkpoint.Export(w, entries, meta) }); err != nil {
		return fmt.Errorf("export: %s: %w", path, err)
	}
	return nil
}

package inspect

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"selfsup/experiment"
)

// keptFeatures is a file of a pool's features, which grows block by block: a line that says what they are of, and then
// rows of float32. What an interrupted call left is gone on with where the line is the same.
type keptFeatures struct {
	path string
	of   string // the encoder and the pool
	dim  int
}

// namesDigest is a digest of the names of a part's samples, in order.
func namesDigest(p embedPart) string {
	h := sha256.New()
	for i := range p.set.Len() {
		fmt.Fprintln(h, p.named(i))
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// all is the features of a part [N,dim], of which resumed were there. ctx ends it between two blocks.
func (k *keptFeatures) all(ctx context.Context, emb *embedder, part embedPart, resumed *int) ([]float32, error) {
	n := part.set.Len()
	x := make([]float32, 0, n*k.dim)
	x, err := k.read(x, n)
	if err != nil {
		return nil, err
	}
	*resumed = len(x) / k.dim
	f, err := os.OpenFile(k.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if len(x) == 0 {
		if err := errors.Join(f.Truncate(0), k.head(f)); err != nil {
			return nil, fmt.Errorf("%s: %w", k.path, err)
		}
	}
	for from := len(x) / k.dim; from < n; from += experiment.EmbedBatch {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%s holds the features of %d of %d images; the same command goes on: %w", k.path,
				from, n, err)
		}
		rows := make([]int32, min(experiment.EmbedBatch, n-from))
		for i := range rows {
			rows[i] = int32(from + i)
		}
		block, err := emb.run(rows, part)
		if err != nil {
			return nil, err
		}
		x = append(x, block...)
		b := make([]byte, 0, 4*len(block))
		for _, v := range block {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		if _, err := f.Write(b); err != nil {
			return nil, fmt.Errorf("%s: %w", k.path, err)
		}
	}
	return x, f.Close()
}

func (k *keptFeatures) head(w io.Writer) error {
	_, err := fmt.Fprintf(w, "features %d %s\n", k.dim, strings.ReplaceAll(k.of, "\n", " "))
	return err
}

// read appends what there is of whole blocks, and cuts off what there is of another one. A file of other features is
// begun anew.
func (k *keptFeatures) read(x []float32, n int) ([]float32, error) {
	f, err := os.Open(k.path)
	if errors.Is(err, os.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head strings.Builder
	k.head(&head)
	r := bufio.NewReaderSize(f, 1<<20)
	got := make([]byte, head.Len())
	if _, err := io.ReadFull(r, got); err != nil || string(got) != head.String() {
		return x, nil
	}
	block := make([]byte, 4*k.dim*experiment.EmbedBatch)
	for len(x) < n*k.dim {
		b := block[:min(len(block), 4*(n*k.dim-len(x)))]
		if _, err := io.ReadFull(r, b); err != nil {
			break
		}
		for i := 0; i < len(b); i += 4 {
			x = append(x, math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
		}
	}
	if len(x) == 0 {
		return x, nil
	}
	return x, os.Truncate(k.path, int64(head.Len())+4*int64(len(x)))
}

// remove removes the file, which is no longer needed.
func (k *keptFeatures) remove() error { return os.Remove(k.path) }

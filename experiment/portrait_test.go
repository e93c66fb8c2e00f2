package experiment_test

import (
	"bytes"
	"encoding/base64"
	"image/jpeg"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// A portrait agrees with the run's own evaluation where both measure the same, and leaves the folder as it is.
func TestPortrait(t *testing.T) {
	sum, err := train(t, load(t, small, "evaluate.linear=true", "evaluate.linear.l2=[0.1]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	options := experiment.PortraitOptions{Points: 5000, Maps: []string{"pca"}, Thumbs: 16}
	p, err := experiment.Portrait(sum.Run, options, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	features := -1
	for i, d := range p.Depths {
		names = append(names, d.Name)
		if !d.Behind {
			features = i
		}
	}
	if want := []string{"0", "1", "projector/1", "projector/2"}; !slices.Equal(names, want) || features != 1 {
		t.Fatalf("layers %v, want %v", names, want)
	}
	for _, c := range []struct {
		name string
		got  float64
	}{{"knn top1", float64(*p.Depths[features].KNN)}, {"linear top1", float64(*p.Depths[features].Linear)}} {
		if want, ok := sum.Measure("trained", c.name); !ok || math.Abs(c.got-want) > 1e-12 {
			t.Errorf("%s of the features is %v, of the run %v", c.name, c.got, want)
		}
	}
	for _, c := range p.Confusions {
		diagonal, all := 0, 0
		for a, row := range c.Counts {
			for b, n := range row {
				all += n
				if a == b {
					diagonal += n
				}
			}
		}
		want := float64(*p.Depths[features].KNN)
		if strings.HasPrefix(c.Name, "linear") {
			want = float64(*p.Depths[features].Linear)
		}
		if all != sum.TestImages || math.Abs(float64(diagonal)/float64(all)-want) > 1e-12 {
			t.Errorf("%s: %d right of %d, want %v of %d", c.Name, diagonal, all, want, sum.TestImages)
		}
	}
	var spectra []string
	for _, s := range p.Spectra {
		spectra = append(spectra, s.Name)
		rises := func(a, b float64) int { return int(math.Copysign(1, b-a)) }
		if s.Values[0] != 1 || !slices.IsSortedFunc(s.Values, rises) {
			t.Errorf("spectrum of %s does not fall from 1: %v", s.Name, s.Values[:3])
		}
	}
	if want := []string{"features", "projector/1", "projector/2", "features, untrained"}; !slices.Equal(spectra, want) {
		t.Errorf("spectra %v, want %v", spectra, want)
	}
	if len(p.Maps) != 1 || len(p.Maps[0].X) != sum.TestImages || len(p.Labels) != sum.TestImages ||
		p.Thumbs.Count != sum.TestImages {
		t.Errorf("%d maps, %d labels, %+v", len(p.Maps), len(p.Labels), p.Thumbs.Count)
	}
	picture, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Thumbs.Data, "data:image/jpeg;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := jpeg.Decode(bytes.NewReader(picture)); err != nil ||
		m.Bounds().Dx() != p.Thumbs.Columns*p.Thumbs.Side || p.Thumbs.Side != 16 {
		t.Errorf("sprite of %d columns of %d pixels: %v", p.Thumbs.Columns, p.Thumbs.Side, err)
	}
	if len(p.Queries) != 12 || len(p.Queries[0].Near) != 8 || p.Gallery.Count != 12*9 {
		t.Errorf("%d queries", len(p.Queries))
	}
	for _, q := range p.Queries {
		for i, n := range q.Near {
			if *n.Same != (n.Label == q.Label) || i > 0 && n.Cosine > q.Near[i-1].Cosine || n.Cosine > 1.001 {
				t.Errorf("query %s: neighbour %d is %+v", q.Label, i, n)
			}
		}
	}
}

// Of a masked autoencoder on a transformer there are its reconstructions, where it looks, and every block.
func TestPortraitOfTransformer(t *testing.T) {
	rec := load(t, `base = "mae.toml"
name = "tiny"
backbone.vit.dim = 16
backbone.vit.depth = 2
backbone.vit.heads = 2
backbone.vit.pool = "class"
method.mae.decoder_dim = 16
subset.few_shot.per_class = 20
[train]
batch = 32
length = "2 steps"
[evaluate]
knn = false
linear = false
`)
	sum, err := train(t, rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := experiment.Portrait(sum.Run, experiment.PortraitOptions{Points: 40}, recipes.Builtin(),
		experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	var names, titles []string
	for _, d := range p.Depths {
		names = append(names, d.Name)
	}
	for _, s := range p.Sheets {
		titles = append(titles, s.Title)
	}
	if want := []string{"patch", "position", "class", "blocks/0", "blocks/1", "norm"}; !slices.Equal(names, want) {
		t.Errorf("layers %v, want %v", names, want)
	}
	if want := []string{"Attention", "Reconstructions"}; !slices.Equal(titles, want) || p.Maps != nil ||
		p.Thumbs != nil {
		t.Errorf("sheets %v, %d maps; want %v and none", titles, len(p.Maps), want)
	}
}

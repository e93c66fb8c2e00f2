package encoder_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/encoder"
	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/internal/onnxruntime"
	"selfsup/recipes"
)

// trained runs a recipe for a moment and returns the run's folder.
func trained(t testing.TB, recipe string, sets ...string) string {
	t.Helper()
	r, err := recipes.Load(recipe, append([]string{`train.length="4 steps"`, `train.checkpoint="4 steps"`,
		"evaluate.linear=false", "evaluate.knn=false"}, sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return sum.Run
}

// small are the settings of a run of images that takes a moment.
var small = []string{`backbone={convnet = {widths = [8, 16]}}`, "train.batch=32", "views.crop=24",
	"method.simclr.projector=[8]"}

// embedded are the features that `experiment embed` gives data.
func embedded(t *testing.T, run, data string) []float32 {
	t.Helper()
	to := filepath.Join(t.TempDir(), "f.npy")
	if _, err := inspect.Embed(run, data, nil, inspect.EmbedOptions{To: to}, recipes.Builtin(),
		experiment.Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	b = b[10+int(binary.LittleEndian.Uint16(b[8:])):]
	x := make([]float32, len(b)/4)
	binary.Decode(b, binary.LittleEndian, x)
	return x
}

// alike compares features with those of embed, which runs batches of another size.
func alike(t *testing.T, what string, got [][]float32, want []float32) {
	t.Helper()
	var flat []float32
	for _, row := range got {
		flat = append(flat, row...)
	}
	if len(flat) > len(want) {
		t.Fatalf("%s: %d numbers, want at most %d", what, len(flat), len(want))
	}
	if apart := onnxruntime.Apart(flat, want[:len(flat)]); !(apart < 1e-5) || len(flat) == 0 {
		t.Errorf("%s: %d features are %.1e of the largest apart", what, len(got), apart)
	}
}

// pictures writes n images of a size.
func pictures(t testing.TB, n, h, w int) (dir string, files [][]byte, images []image.Image) {
	t.Helper()
	tree := map[string][]byte{}
	for i := range n {
		m := image.NewNRGBA(image.Rect(0, 0, w, h))
		r := rand.New(rand.NewPCG(3, uint64(i)))
		for k := range w * h {
			m.Set(k%w, k/w, color.NRGBA{uint8(r.IntN(256)), uint8(k * i), uint8(r.IntN(90)), 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		tree[fmt.Sprintf("%03d.png", i)] = b.Bytes()
		files, images = append(files, b.Bytes()), append(images, m)
	}
	return filetest.Tree(t, tree), files, images
}

// Images get the features that embed gives them, from files and from images of the standard library, of a run folder,
// an exported file and its bytes; of DINO the teacher's, whose patches are its student's.
func TestEmbed(t *testing.T) {
	for name, run := range map[string]string{
		"simclr": trained(t, "quickstart.toml", append(small, `views.interpolation="bicubic"`)...),
		"ema":    trained(t, "quickstart.toml", append(small, `average.weights="ema"`)...),
		"dino": trained(t, "dino.toml", "method.dino.hidden=16", "method.dino.bottleneck=8",
			"method.dino.prototypes=16", "views.crops=[]", "train.batch=32", `method.dino.hold_last="1 step"`,
			`backbone={vit={patch=7,dim=32,depth=2,heads=2,frozen_patch=true}}`),
		"colour": trained(t, "emoji-simclr.toml", "backbone={convnet={widths=[8,16]}}", "train.batch=32"),
		"lab": trained(t, "emoji-simclr.toml", "backbone={luma={tower={convnet={widths=[8]}}}}", "train.batch=32",
			"views.jitter=0", "views.grayscale=0"),
	} {
		t.Run(name, func(t *testing.T) {
			dir, files, images := pictures(t, 90, 40, 50)
			want := embedded(t, run, dir)
			enc, err := encoder.Load(run)
			if err != nil {
				t.Fatal(err)
			}
			got, err := enc.EmbedFiles(files...)
			if err != nil {
				t.Fatal(err)
			}
			alike(t, "files", got, want)
			if len(got[0]) != enc.Dim() || enc.Dim() != enc.Config().Features {
				t.Errorf("%d numbers, Dim %d, features %d", len(got[0]), enc.Dim(), enc.Config().Features)
			}
			path := filepath.Join(run, "export", "encoder.safetensors")
			for what, load := range map[string]func() (*encoder.Encoder, error){
				"file": func() (*encoder.Encoder, error) { return encoder.Load(path) },
				"bytes": func() (*encoder.Encoder, error) {
					b, err := os.ReadFile(path)
					if err != nil {
						return nil, err
					}
					return encoder.Read(b)
				},
			} {
				enc, err := load()
				if err != nil {
					t.Fatal(err)
				}
				got, err := enc.Embed(images[:7]...)
				if err != nil {
					t.Fatal(err)
				}
				alike(t, what, got, want)
			}
		})
	}
}

// Rows, texts, waves and clips get the features that embed gives them.
func TestEmbedOtherKinds(t *testing.T) {
	t.Run("rows", func(t *testing.T) {
		run := trained(t, "scarf.toml", "backbone.mlp.widths=[16]", "method.scarf.projector=[8]")
		enc, d := load(t, run), open(t, "scarf.toml")
		set, rows := d.Train.(datasets.RowSet), make([][]float64, 70)
		for i := range rows {
			rows[i] = make([]float64, len(set.Columns()))
			if err := set.Row(i, rows[i]); err != nil {
				t.Fatal(err)
			}
			words := map[string]string{}
			for k, c := range enc.Columns() {
				words[c.Name] = strconv.FormatFloat(rows[i][k], 'g', -1, 64)
			}
			row, err := enc.Row(words)
			if err != nil || fmt.Sprint(row) != fmt.Sprint(rows[i]) {
				t.Fatalf("row %v of %v (%v), want %v", row, words, err, rows[i])
			}
		}
		got, err := enc.EmbedRows(rows...)
		if err != nil {
			t.Fatal(err)
		}
		alike(t, "rows", got, embedded(t, run, "scarf.toml"))
		for want, err := range map[string]error{
			"1 values, the encoder takes 16": second(enc.EmbedRows([]float64{1})),
			`no column "colour"`:             second(enc.Row(map[string]string{"colour": "red"})),
			"want a number":                  second(enc.Row(map[string]string{enc.Columns()[0].Name: "red"})),
			"Embed is for encoders of images, and this one takes rows": second(enc.Embed()),
			"are not finite": second(enc.EmbedRows(infinite(16))),
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		}
	})
	t.Run("texts", func(t *testing.T) {
		run := trained(t, "mlm.toml", "backbone.transformer.dim=8", "backbone.transformer.heads=2",
			"backbone.transformer.mlp=8", "windows.length=16", `windows.fixed="end"`)
		set := open(t, "mlm.toml").Train.(datasets.TextSet)
		var texts []string
		for i := range 70 {
			texts = append(texts, set.Text(i))
		}
		got, err := load(t, run).EmbedTexts(texts...)
		if err != nil {
			t.Fatal(err)
		}
		alike(t, "texts", got, embedded(t, run, "mlm.toml"))
	})
	t.Run("waves", func(t *testing.T) {
		recipe := filetest.Tones(t)
		run := trained(t, recipe)
		set := open(t, recipe).Train.(datasets.WaveSet)
		var waves [][]float32
		for i := range set.Len() {
			w := make([]float32, set.Samples(i))
			if err := set.Window(i, 0, w); err != nil {
				t.Fatal(err)
			}
			waves = append(waves, w)
		}
		got, err := load(t, run).EmbedWaves(waves...)
		if err != nil {
			t.Fatal(err)
		}
		alike(t, "waves", got, embedded(t, run, recipe))
	})
	t.Run("clips", func(t *testing.T) {
		recipe := filetest.Films(t)
		run := trained(t, recipe)
		set := open(t, recipe).Train.(datasets.ClipSet)
		var clips [][]image.Image
		for i := range set.Len() {
			frames := make([]datasets.Image, set.Frames())
			if err := set.Clip(i, frames); err != nil {
				t.Fatal(err)
			}
			var clip []image.Image
			for _, f := range frames {
				m := image.NewNRGBA(image.Rect(0, 0, f.W, f.H))
				for k := range f.W * f.H {
					p := f.Pix[3*k:]
					m.Set(k%f.W, k/f.W, color.NRGBA{p[0], p[1], p[2], 255})
				}
				clip = append(clip, m)
			}
			clips = append(clips, clip)
		}
		got, err := load(t, run).EmbedClips(clips...)
		if err != nil {
			t.Fatal(err)
		}
		alike(t, "clips", got, embedded(t, run, recipe))
	})
}

func second[T any](_ T, err error) error { return err }

func infinite(n int) []float64 {
	row := make([]float64, n)
	row[0] = math.Inf(1)
	return row
}

func load(t *testing.T, run string) *encoder.Encoder {
	t.Helper()
	enc, err := encoder.Load(run)
	if err != nil {
		t.Fatal(err)
	}
	return enc
}

func open(t *testing.T, recipe string) *datasets.Data {
	t.Helper()
	r, err := recipes.Load(recipe, nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Dataset.Value.Open(datasets.Env{BaseDir: r.Dir()})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Many goroutines get what one gets, also where they are more than the programs.
func TestConcurrentCalls(t *testing.T) {
	run := trained(t, "quickstart.toml", small...)
	_, _, images := pictures(t, 24, 30, 30)
	enc, err := encoder.Options{Programs: 3}.Load(run)
	if err != nil {
		t.Fatal(err)
	}
	var want []float32
	for _, m := range images {
		x, err := enc.Embed(m)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, x[0]...)
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			from, n := 3*k, []int{1, 3, 2}[k%3]
			for range 4 {
				got, err := enc.Embed(images[from : from+n]...)
				if err != nil {
					t.Error(err)
					return
				}
				alike(t, fmt.Sprint(k), got, want[from*enc.Dim():])
			}
		}()
	}
	wg.Wait()
}

// What is no encoder is refused, with what would be right.
func TestRefused(t *testing.T) {
	run := trained(t, "quickstart.toml", small...)
	file := filepath.Join(run, "export", "encoder.safetensors")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(from, to string) []byte {
		if !bytes.Contains(good, []byte(from)) || len(from) != len(to) {
			t.Fatalf("%s is not in the file", from)
		}
		return bytes.Replace(good, []byte(from), []byte(to), 1)
	}
	weights := bytes.Clone(good)
	for i := range 400 {
		copy(weights[len(weights)-4*i-4:], "\x00\x00\xc0\x7f") // NaN
	}
	spoiled := bytes.Clone(good)
	copy(spoiled[len(spoiled)-4:], "\x00\x00\x80\x43")
	onnx, torch := filepath.Join(t.TempDir(), "e.onnx"), filepath.Join(t.TempDir(), "t.safetensors")
	for _, o := range []experiment.ExportOptions{{To: onnx}, {To: torch, Layout: "torch"}} {
		if _, err := experiment.Export(run, o, recipes.Builtin(), experiment.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	running := filetest.Tree(t, map[string][]byte{"run.json": []byte(`{"state":"running","step":7,"steps":9}`)})
	at := bytes.Index(good, []byte(`"backbone/`))
	name := string(good[at+1 : at+1+bytes.IndexByte(good[at+1:], '"')])
	for want, err := range map[string]error{
		"no such file":     second(encoder.Load(filepath.Join(run, "nothing"))),
		"is no run folder": second(encoder.Load(t.TempDir())),
		"the run is running, its newest checkpoint that of step 7 of 9": second(encoder.Load(running)),

		"want a safetensors file":   second(encoder.Load(onnx)),
		"exported without --layout": second(encoder.Load(torch)),
		"bytes, want":               second(encoder.Read([]byte("x"))),
		"at bytes":                  second(encoder.Read(good[:len(good)-8])),
		"metadata have no config":   second(encoder.Read(changed(`"config":`, `"confix":`))),
		"not finite":                second(encoder.Read(weights)),

		"apart from those that it was exported with": second(encoder.Read(spoiled)),
		`there is no backbone "convnot" here; there are audio_ntt, convnet`: second(encoder.Read(changed(`\"convnet\"`,
			`\"convnot\"`))),
		name + " is missing, this recipe builds": second(encoder.Read(changed(name, "c"+name[1:]))),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	enc := load(t, run)
	for want, err := range map[string]error{
		"unknown format":                 second(enc.EmbedFiles([]byte("no image"))),
		"has no pixels":                  second(enc.Embed(image.NewGray(image.Rectangle{}))),
		"EmbedRows is for encoders of r": second(enc.EmbedRows(nil)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if x, err := enc.Embed(); x != nil || err != nil {
		t.Errorf("no images: %v, %v", x, err)
	}
}

func BenchmarkEmbed(b *testing.B) {
	run := trained(b, "quickstart.toml", small...)
	_, _, images := pictures(b, 64, 28, 28)
	enc, err := encoder.Load(run)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := enc.Embed(images...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(64*b.N)/b.Elapsed().Seconds(), "images/s")
}

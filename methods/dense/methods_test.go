package dense

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/views"
	"selfsup/graph"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/setting"
)

// Small settings of each method.
func smallVICRegL() *VICRegL {
	m := DefaultVICRegL()
	m.Projector, m.Places, m.Matches = []int{6, 5}, []int{5, 4}, [2]int{3, 2}
	return m
}

func smallSelfPatch() *SelfPatch {
	m := DefaultSelfPatch()
	m.Hidden, m.Bottleneck, m.Prototypes, m.PatchPrototypes, m.Heads = 6, 4, 5, 7, 2
	m.HoldLast = setting.Epochs(0)
	return m
}

func smallLeopart() *Leopart {
	m := DefaultLeopart()
	m.Hidden, m.Bottleneck, m.Clusters, m.Align = 6, 4, 5, 2
	return m
}

func smallInsLoc() *InsLoc {
	m := DefaultInsLoc()
	m.Projector, m.Queue, m.Align = []int{6, 4}, 8, 3
	return m
}

func smallCAPI() *CAPI {
	m := DefaultCAPI()
	m.Clusters, m.Mask, m.Side, m.Depth, m.Heads = 5, 0.5, 2, 2, 2
	m.Temperature, m.TeacherTemperature = 0.5, 1 // of differences that bend less
	return m
}

func vit(pool string) *backbones.ViT {
	return &backbones.ViT{Size: "tiny", Channels: 8, Depth: 1, Heads: 2, Patch: 3, Pool: pool, Position: "learned",
		Relative: "none", DropRule: "linear", Form: "vit"}
}

var convnet = &backbones.ConvNet{Widths: []int{4, 5}}

// windowed is images of 12x12 whose views say where they are from, with so many small views of 9x9.
func windowed(small int) methods.Data {
	return methodtest.Windows([]int{12, 12, 2}, []int{9, 9, 2}, small, views.ParamNames())
}

func build(m methods.Method, net backbones.Backbone, d methods.Data) func(s *graph.Scope) *graph.Node {
	return func(s *graph.Scope) *graph.Node {
		b := methods.NewBatch(s, 4, d)
		return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Loss()
	}
}

// The losses through small encoders, with views of two sizes where they take them, against central differences in
// float64.
func TestGradientsOfPlaces(t *testing.T) {
	byDistances := smallVICRegL()
	byDistances.Order = byDistance
	everywhere := smallLeopart()
	everywhere.Foreground = 0
	for name, c := range map[string]struct {
		m   methods.Method
		net backbones.Backbone
		d   methods.Data
	}{
		"vicregl, convnet":             {smallVICRegL(), convnet, windowed(1)},
		"vicregl, vit, by distance":    {byDistances, vit("class"), windowed(0)},
		"selfpatch":                    {smallSelfPatch(), vit("mean"), windowed(1)},
		"capi":                         {smallCAPI(), vit("class"), methodtest.Images(12, 12, 2)},
		"leopart, foreground":          {smallLeopart(), vit("class"), windowed(1)},
		"leopart, everywhere, convnet": {everywhere, convnet, windowed(1)},
		"insloc":                       {smallInsLoc(), convnet, methodtest.Images(12, 12, 2)},
		"insloc, vit":                  {smallInsLoc(), vit("mean"), methodtest.Images(12, 12, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			var scopes []string
			if name == "capi" { // the assignments, which differences of the clusters see, have no gradient
				scopes = []string{"backbone", "predictor"}
			}
			optest.CheckGradients(t, build(c.m, c.net, c.d), methodtest.WidenHeads, 4, 5e-5, scopes...)
		})
	}
}

// Settings that make no sense, and data and backbones that do not fit, are refused with what would.
func TestPlacesRefused(t *testing.T) {
	built := func(m methods.Method, net backbones.Backbone, d methods.Data) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { build(m, net, d)(s) })
		return err
	}
	turned := windowed(0)
	maker := turned.Maker.(methodtest.Crops)
	fields := maker.Maker.(methodtest.Fields)
	for _, f := range fields {
		if f.Range != nil {
			f.Range[6] = 3 // quarter turns
		}
	}
	vicregl := func(f func(*VICRegL)) error { m := smallVICRegL(); f(m); return m.Validate() }
	leopart := func(f func(*Leopart)) error { m := smallLeopart(); f(m); return m.Validate() }
	insloc := func(f func(*InsLoc)) error { m := smallInsLoc(); f(m); return m.Validate() }
	selfpatch := func(f func(*SelfPatch)) error { m := smallSelfPatch(); f(m); return m.Validate() }
	capi := func(f func(*CAPI)) error { m := smallCAPI(); f(m); return m.Validate() }
	capi3 := func() error {
		m := smallCAPI()
		m.Heads = 3
		return built(m, vit("class"), methodtest.Images(12, 12, 2))
	}
	many, uneven := smallVICRegL(), smallSelfPatch()
	many.Matches = [2]int{20, 4}
	uneven.Heads = 3
	for want, err := range map[string]error{
		"want a convnet, a resnet or a vit": built(smallVICRegL(), &backbones.MLP{Widths: []int{4}}, windowed(0)),
		"has 3x3 places; want at most 9":    built(many, convnet, windowed(0)),
		"want views.quarter_turn = 0":       built(smallVICRegL(), convnet, turned),
		"params0":                           built(smallVICRegL(), convnet, methodtest.Images(12, 12, 2)),
		"global: 1: want a share":           vicregl(func(m *VICRegL) { m.Global = 1 }),
		"matches: [0 1]: want two":          vicregl(func(m *VICRegL) { m.Matches = [2]int{0, 1} }),
		"order: \"size\": want":             vicregl(func(m *VICRegL) { m.Order = "size" }),
		"places: []: want at least":         vicregl(func(m *VICRegL) { m.Places = nil }),

		"want foreground = 0":          built(smallLeopart(), convnet, windowed(0)),
		"foreground: 1: want a share":  leopart(func(m *Leopart) { m.Foreground = 1 }),
		"align: 0: want at least":      leopart(func(m *Leopart) { m.Align = 0 }),
		"clusters: 1: want at least 2": leopart(func(m *Leopart) { m.Clusters = 1 }),

		"want backbone.vit.pool = \"mean\"": built(smallSelfPatch(), vit("class"), windowed(0)),
		"no multiple of it":                 built(uneven, vit("mean"), windowed(0)),
		"want at least 3x3": built(smallSelfPatch(), vit("mean"),
			methodtest.TwoSizes([]int{12, 12, 2}, []int{6, 6, 2}, 1)),
		"neighbours: 9: want 1 to the 8": selfpatch(func(m *SelfPatch) { m.Neighbours = 9 }),

		"such as [backbone.vit]":    built(smallCAPI(), convnet, methodtest.Images(12, 12, 2)),
		"mask: 1: want a fraction":  capi(func(m *CAPI) { m.Mask = 1 }),
		"depth: 0: want at least 1": capi(func(m *CAPI) { m.Depth = 0 }),
		"want a divisor of it":      capi3(),
		"sides: [0.5 1.2]: want":    insloc(func(m *InsLoc) { m.Sides[1] = 1.2 }),
		"ratio: 0.5: want":          insloc(func(m *InsLoc) { m.Ratio = 0.5 }),
		"overlap: 0: want":          insloc(func(m *InsLoc) { m.Overlap = 0 }),
		"queue: 0: want":            insloc(func(m *InsLoc) { m.Queue = 0 }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultVICRegL(), DefaultSelfPatch(), DefaultLeopart(), DefaultInsLoc(),
		DefaultCAPI()} {
		if err := m.Validate(); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

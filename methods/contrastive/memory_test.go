package contrastive

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

// memoryMethods are small forms of the methods with memories, teachers and neighbours.
func memoryMethods() map[string]methods.Method {
	return map[string]methods.Method{
		"mocov3": &MoCoV3{Projector: []int{6, 4}, Predictor: []int{5}, Temperature: 0.3, Momentum: 0.9},
		"mocov3, last norm": &MoCoV3{Projector: []int{6, 4}, Predictor: []int{5}, LastNorm: true, Temperature: 0.5,
			Momentum: 0.9},
		"nnclr": &NNCLR{Projector: []int{6, 4}, Predictor: []int{5}, Queue: 9, Temperature: 0.3},
		"ressl": &ReSSL{Projector: []int{6, 4}, Queue: 9, Temperature: 0.4, TeacherTemperature: 0.2, Momentum: 0.9},
		"isd": &ISD{Projector: []int{6, 4}, Predictor: []int{5}, Queue: 9, Temperature: 0.4, TeacherTemperature: 0.2,
			Momentum: 0.9},
		"msf": &MSF{Projector: []int{6, 4}, Predictor: []int{5}, Queue: 9, Neighbours: 3, Momentum: 0.9,
			Constraint: unconstrained},
		"msf, past": &MSF{Projector: []int{6, 4}, Predictor: []int{5}, Queue: 9, Neighbours: 2, Momentum: 0.9,
			Constraint: byPast, Pool: 4},
		"mochi": &MoCHi{Queued: Queued{Projector: []int{6, 4}, Queue: 9, Temperature: 0.3, Momentum: 0.9}, Hardest: 5,
			Pairs: 3},
		"amdim":     &AMDIM{Hidden: 6, Width: 4, Clip: 5, Penalty: 0.1},
		"cpc_image": &CPCImage{Patch: 4, Step: 2, Predictions: 2, Context: 4, Layers: 2, Width: 3, Directions: 4},
		"looc": &LooC{Queued: Queued{Projector: []int{6, 4}, Queue: 9, Temperature: 0.3, Momentum: 0.9},
			Brightness: 0.4, Contrast: 0.4},
		"univcl": &UniVCL{Projector: []int{6, 4}, Predictor: []int{5}, Queue: 9, Temperature: 0.3, Momentum: 0.9,
			Neighbours: 3, EdgeMask: 0.3, NodeMask: 0.3, Positives: 2},
		"exemplar": &Exemplar{Copies: 2},
		"sscd":     &SSCD{Projector: []int{6, 4}, Temperature: 0.3, Entropy: 2, Mix: 0.5},
		"pcl": &PCL{Queued: Queued{Projector: []int{6, 4}, Queue: 9, Temperature: 0.3, Momentum: 0.9}, K: []int{3, 5},
			Iterations: 2},
		"npid":          &NPID{Projector: []int{4}, Noise: 6, Temperature: 0.3, Momentum: 0.5, Proximal: 2},
		"npid, softmax": &NPID{Projector: []int{6, 4}, Temperature: 0.3, Momentum: 0.5},
		"pirl":          &PIRL{Width: 4, Noise: 6, Temperature: 0.3, Momentum: 0.5, Share: 0.4},
		"msf, labels": &MSF{Projector: []int{6, 4}, Predictor: []int{5}, Queue: 9, Neighbours: 2, Momentum: 0.9,
			Constraint: byLabels},
	}
}

// The losses through a small encoder against central differences in float64.
func TestMemoryGradients(t *testing.T) {
	for name, m := range memoryMethods() {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 4, methodtest.Images(9, 9, 2))
				net := &backbones.ConvNet{Widths: []int{4, 5}}
				return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Loss()
			}, fillMemories, 8, 2e-5)
		})
	}
}

// fillMemories gives PCL's clusterings, if there are any, centres and members: row 1 has no cluster. A bank's constant
// is no longer the first step's, through which no gradient flows.
func fillMemories(st *graph.Store) {
	for _, name := range st.Names() {
		if a := st.Get(name).Array; strings.HasSuffix(name, "/of") {
			copy(a.I32, []int32{2, -1, 0, 2})
		} else if strings.Contains(name, "log_z") {
			a.Fill(1.5)
		} else if strings.HasSuffix(name, "/centres") {
			optest.Fill(a, name)
		}
	}
}

// CMC and TCN with their backbones, the gradients against central differences.
func TestTowerGradients(t *testing.T) {
	tower := overlay.Choice[backbones.Backbone]{Name: "convnet", Value: &backbones.ConvNet{Widths: []int{4, 5}}}
	for name, c := range map[string]struct {
		m     methods.Method
		net   backbones.Backbone
		shape []int
	}{
		"cmc": {&CMC{Projector: []int{4}, Noise: 6, Temperature: 0.3, Momentum: 0.5},
			&backbones.LumaChroma{Tower: tower}, []int{6, 5, 3}},
		"tcn": {&TCN{Width: 4, Near: 1, Margin: 0.5, Cameras: 1}, &backbones.PerFrame{Tower: tower},
			[]int{4, 6, 5, 2}},
		"tcn of two": {&TCN{Width: 4, Near: 1, Far: 3, Margin: 0.5, Cameras: 2}, &backbones.PerFrame{Tower: tower},
			[]int{4, 6, 5, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, methodtest.Data(feed.Field{Name: "view", Shape: c.shape}))
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, fillMemories, 8, 2e-5)
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// Defaults are sound, and settings that cannot be trained with are refused by their key.
func TestMemorySettings(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"queue: 0":               &NNCLR{Projector: []int{4}, Temperature: 1},
		"projector: []":          &MoCoV3{Temperature: 1},
		"predictor: [0]":         &MoCoV3{Projector: []int{4}, Predictor: []int{0}, Temperature: 1},
		"teacher_temperature: 1": &ReSSL{Projector: []int{4}, Queue: 4, Temperature: 0.5, TeacherTemperature: 1},
		"temperature: 0":         &ISD{Projector: []int{4}, Queue: 4, TeacherTemperature: 1},
		"neighbours: 9: want from 1 to queue = 4": &MSF{Projector: []int{4}, Queue: 4, Neighbours: 9,
			Constraint: unconstrained},
		"pool: 1: want from neighbours = 2": &MSF{Projector: []int{4}, Queue: 4, Neighbours: 2, Constraint: byPast,
			Pool: 1},
		`constraint: ""`:                   &MSF{Projector: []int{4}, Queue: 4, Neighbours: 2},
		"hardest: 9: want from 1 to queue": &MoCHi{Queued: Queued{Queue: 4}, Hardest: 9},
		"pairs: 5: want from 0 to hardest": &MoCHi{Queued: Queued{Queue: 4}, Hardest: 3, Pairs: 5},
		"k: [1]":                           &PCL{K: []int{1}},
		"proximal: -1":                     &NPID{Projector: []int{4}, Temperature: 1, Proximal: -1},
		"noise: -1":                        &CMC{Projector: []int{4}, Temperature: 1, Noise: -1},
		"share: 2":                         &PIRL{Width: 3, Temperature: 1, Share: 2},
		"mix: 1.5":                         &SSCD{Projector: []int{4}, Temperature: 1, Mix: 1.5},
		"copies: 0":                        &Exemplar{},
		"clip: 0":                          &AMDIM{Hidden: 1, Width: 1},
		"positives: 7: want from 0 to queue": &UniVCL{Projector: []int{4}, Queue: 4, Positives: 7,
			Temperature: 1},
		"directions: 2": &CPCImage{Patch: 1, Step: 1, Directions: 2},
		"margin: 0":     &TCN{Width: 1, Near: 1, Cameras: 1},
		"cameras: 3":    &TCN{Width: 1, Near: 1, Margin: 1, Cameras: 3},
		"far: 1":        &TCN{Width: 1, Near: 1, Far: 1, Margin: 1, Cameras: 1},
		"contrast: 3":   &LooC{Queued: usualQueue(), Contrast: 3},
	} {
		wantError(t, m.Validate(), want)
	}
	for _, m := range []methods.Method{DefaultMoCoV3(), DefaultNNCLR(), DefaultReSSL(), DefaultISD(), DefaultMSF(),
		DefaultMoCHi(), DefaultPCL(), DefaultNPID(), DefaultCMC(), DefaultPIRL(), DefaultSSCD(), DefaultExemplar(),
		DefaultAMDIM(), DefaultUniVCL(), DefaultCPCImage(), DefaultTCN(), DefaultLooC()} {
		if err := m.Validate(); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

// What does not fit the data is refused with what would.
func TestMemoryBuildsRefuse(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"11 clusters of 10 training samples": &PCL{Queued: Queued{Projector: []int{4}, Queue: 9, Temperature: 1},
			K: []int{11}},
		"noise = 11 rows of the bank of 10 training samples": &NPID{Projector: []int{4}, Noise: 11, Temperature: 1},
		"queue = 3 holds less than the 4 keys":               &NNCLR{Projector: []int{4}, Queue: 3, Temperature: 1},
		"want more than predictions = 5": &CPCImage{Patch: 4, Step: 2, Predictions: 5,
			Directions: 1},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(9, 9, 2))
			net := &backbones.ConvNet{Widths: []int{4, 5}}
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		wantError(t, err, want)
	}
}

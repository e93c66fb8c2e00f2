package video_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods/video"
)

// maeSTNames turns the authors' names into ours, in this order.
var maeSTNames = strings.NewReplacer("decoder_cls_token", "decoder/class", "cls_token", "class",
	"decoder_pos_embed_class", "decoder/class_position", "decoder_pos_embed_spatial", "decoder/position/space",
	"decoder_pos_embed_temporal", "decoder/position/time", "pos_embed_class", "class_position",
	"pos_embed_spatial", "position/space", "pos_embed_temporal", "position/time", "mask_token", "decoder/mask",
	"patch_embed.proj", "patch", "decoder_pred", "decoder/paint", "decoder_", "decoder/", "attn.q.", "attn/qkv/",
	"attn.k.", "attn/qkv/", "attn.v.", "attn/qkv/", ".", "/")

// What is encoded, hidden and painted, the loss, and the gradient of every parameter, are those of the authors' model.
func TestGoldenMAEST(t *testing.T) {
	f := golden.Load(t, "video/mae_st_micro")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	is := func(key string) bool { return golden.Param[bool](t, f, key) }
	if eps := golden.Param[float64](t, f, "norm_eps"); eps != 1e-6 || !is("sep_pos_embed") {
		t.Skipf("eps %v, separable positions: %v; here they are 1e-6 and true", eps, is("sep_pos_embed"))
	}
	wide := golden.Param[float64](t, f, "mlp_ratio")
	x, noise := clips(f.Inputs["imgs"]), f.Inputs["noise"]
	v := &backbones.ViT3D{Channels: get("embed_dim"), Depth: get("depth"), Heads: get("num_heads"),
		Patch: get("patch_size"), Tube: get("t_patch_size"), Position: "separable", Class: is("cls_embed"),
		Attention: "full"}
	v.Hidden = int(wide * float64(v.Channels))
	m := &video.MAEST{Mask: golden.Param[float64](t, f, "mask_ratio"), DecoderDim: get("decoder_embed_dim"),
		Frames:       get("pred_t_dim") * get("t_patch_size") / get("num_frames"),
		DecoderDepth: get("decoder_depth"), DecoderHeads: get("decoder_num_heads"),
		NormalizePixels: is("norm_pix_loss")}
	m.DecoderMLP = int(wide * float64(m.DecoderDim))
	in := backbones.Input{Shape: x.Shape[1:]}
	if err := errors.Join(v.Check(in), m.Validate()); err != nil {
		t.Fatal(err)
	}
	mask, visible := f.Outputs["mask"], 0
	for _, hidden := range mask.Data[:mask.Shape[1]] {
		visible += 1 - int(hidden)
	}
	// the reference hides the tubes of the largest noise
	for i := 0; i < len(mask.Data); i += mask.Shape[1] {
		row := slices.Clone(noise.Data[i : i+mask.Shape[1]])
		slices.Sort(row)
		for k := range row {
			if (noise.Data[i+k] >= row[visible]) != (mask.Data[i+k] == 1) {
				t.Fatalf("tube %d is hidden in the reference: %v", i+k, mask.Data[i+k])
			}
		}
	}
	ours := func(name string) string {
		name = maeSTNames.Replace(name)
		if strings.HasPrefix(name, "decoder/") {
			return name
		}
		return "backbone/" + name
	}
	thirds := map[string]int{}
	for third, of := range []string{"q", "k", "v"} {
		thirds["attn."+of+".weight"], thirds["attn."+of+".bias"] = third, third
	}
	model := ongraph.Model{F: f, Ours: ours, Thirds: thirds}
	goldenModel(t, model, "pred", func(s *graph.Scope) map[string]*graph.Node {
		e, clip := v.NewTokens(s.In("backbone"), in), s.State("x", ongraph.Hold(x), x.Shape...)
		latent, painted := m.Paint(s, e, clip, s.State("noise", ongraph.Hold(noise), noise.Shape...), visible)
		hidden := s.State("hidden", ongraph.Hold(mask), mask.Shape...)
		return map[string]*graph.Node{"latent": e.Last(latent, visible), "pred": painted,
			"loss": losses.PatchMSE(painted, m.Target(e, clip), hidden)}
	})
}

// More frames than a tube has are refused.
func TestMAESTRefuses(t *testing.T) {
	m := video.DefaultMAEST()
	m.Mask, m.Frames = 0.5, 3
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { build(s, m, small, 4, 4, 4, 1) })
	if err == nil || !strings.Contains(err.Error(), "frames = 3 of tubes of 2; want at most 2") {
		t.Errorf("got %v", err)
	}
}

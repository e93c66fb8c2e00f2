package backbones_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
)

// Attention that an image's patches cannot have is refused, with what works.
func TestViTRefusesAttention(t *testing.T) {
	img := backbones.Pixels(28, 28, 3) // 14 x 14 patches
	for _, c := range []struct {
		kind string
		size int
		want string // "": taken
	}{
		{"full", 0, ""}, {"window", 7, ""}, {"window", 14, ""}, {"window", 20, ""}, {"linformer", 196, ""},
		{"performer", 500, ""},
		{"full", 7, "want 0"}, {"window", 0, "at least 1"}, {"window", 5, "the nearest that do are of 7"},
		{"linformer", 197, "at most 196"}, {"performer", -1, "at least 1"}, {"sparse", 7, "window"},
	} {
		v := small(func(v *backbones.ViT) { v.Attention, v.AttentionSize = c.kind, c.size })
		if err := v.Check(img); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %d: %v, want %q", c.kind, c.size, err, c.want)
		}
	}
	v := small(func(v *backbones.ViT) { v.Attention, v.AttentionSize, v.Relative = "window", 7, "block" })
	if err := v.Check(img); err == nil || !strings.Contains(err.Error(), "relative") {
		t.Errorf("windows with relative biases: %v", err)
	}
	clip := backbones.DefaultViT3D()
	clip.Attention, clip.AttentionSize = "window", 7
	if err := clip.Check(backbones.Input{Shape: []int{4, 32, 32, 3}}); err == nil ||
		!strings.Contains(err.Error(), "performer") {
		t.Errorf("windows of clips: %v", err)
	}
}

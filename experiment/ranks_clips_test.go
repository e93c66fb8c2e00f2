package experiment

import (
	"testing"

	"selfsup/graph/comm"
	"selfsup/graph/ir"
)

// Methods of clips of scenes give the same losses and the same Store on 2 ranks as on one, in float64: where gradients
// nearly cancel, float32 leaves little of them that is not rounding.
func TestRanksOfClips(t *testing.T) {
	small := []string{"train.batch=8", "dataset.scenes.count=24", "dataset.scenes.held=8", "dataset.scenes.size=16",
		"backbone.per_frame.tower.convnet.widths=[4,8]"}
	for name, more := range map[string][]string{
		"av_contrast": {`method.av_contrast.sound="convnet"`, "method.av_contrast.sound.convnet.widths=[4]"},
		"ego_motion":  nil, "moving_objects": nil,
		"monodepth": {"method.monodepth.scales=2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, sets := "../recipes/scenes/"+name+".toml", append(more, small...)
			s, err := prepareIn(ir.F64, nil, file, sets...)
			if err != nil {
				t.Fatal(err)
			}
			want, err := s.course(2)
			if err != nil {
				t.Fatal(err)
			}
			onGoroutines(t, 2, func(c comm.Comm) error {
				s, err := prepareIn(ir.F64, c, file, sets...)
				if err != nil {
					return err
				}
				got, err := s.course(2)
				if err != nil {
					return err
				}
				return want.like(got, 1e-9, 1e-6)
			})
		})
	}
}

package video

import (
	"errors"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// AVContrast has a clip and its sound recognise each other among all others of the batch.
//
//	loss = 1/2 (CE over sounds of u_i v_j / t + CE over clips of the same),  u, v unit rows of the clip and the sound
//
// Morgado, Vasconcelos, Misra, CVPR 2021, arXiv:2004.12943, AVID, section 3.2, the cross-modal discrimination that the
// paper finds better than discrimination within each modality: both projectors have three layers, t is 0.07. Its
// negatives are 1,024 of a memory of moving averages under noise-contrastive estimation; here they are those of the
// batch, as in CLIP's loss (Radford et al. 2021, arXiv:2103.00020, figure 3), so that both towers learn from them.
type AVContrast struct {
	Hearing
	Projector   []int   `toml:"projector"`   // widths of the layers of each projector; the last is the common space's
	Temperature float64 `toml:"temperature"` // of the cosines
}

// DefaultAVContrast has the paper's projectors and temperature.
func DefaultAVContrast() *AVContrast {
	return &AVContrast{Hearing: defaultHearing(), Projector: []int{512, 512, 128}, Temperature: 0.07}
}

func defaultHearing() Hearing {
	return Hearing{overlay.Choice[backbones.Backbone]{Name: "audio_ntt", Value: backbones.DefaultAudioNTT()}}
}

// Validate implements methods.Method.
func (m *AVContrast) Validate() error {
	return errors.Join(heads.CheckWidths("projector", m.Projector), setting.Positive("temperature", m.Temperature))
}

// Build implements methods.Method. The features are the clip's.
func (m *AVContrast) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := m.SoundTowers(s, enc, b.Of(soundField))
	h := t.Encode(b.View(0))
	u, v := t.Image(h), t.Text(b.Field(soundField))
	logits := op.Scale(losses.Cosines(s, u, v), 1/m.Temperature) // [N,N], N over all ranks
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "across", Weight: 1, Value: losses.Matching(s, logits, 0)}},
		Metrics: []methods.Metric{{Name: "matched", Value: op.Accuracy(logits, losses.Own(s, logits))},
			{Name: "spread", Value: losses.Spread(u)}},
		Alarms: []methods.Alarm{methods.Guessing("across", b.Size(), "lower the temperature or the learning rate")},
	}
}

// SoundTowers implements methods.Sounding.
func (m *AVContrast) SoundTowers(s *graph.Scope, enc methods.Encoder, sound feed.Field) methods.TwoTowers {
	return m.towers("av_contrast", s, enc, sound, m.Projector)
}

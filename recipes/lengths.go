package recipes

import (
	"fmt"
	"strings"

	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// periods are the settings that say how often something happens. One that is longer than the training is a training in
// which it happens at the end alone; every other length is a part of the training.
var periods = map[string]string{"every": "it is evaluated", "checkpoint": "a checkpoint is written",
	"log": "a line of numbers is written"}

// CheckLengths refuses a length that is longer than the whole training, at the place where it was written. perEpoch is
// the number of steps of an epoch; 0 while the data is not known: lengths of different units wait then.
func (l *Loaded) CheckLengths(perEpoch int) error {
	var bad overlay.Errors
	l.tooLong(perEpoch, func(key string, span setting.Length) {
		if periods[lastPart(key)] != "" {
			return
		}
		text := fmt.Sprintf("%q is longer than the whole training", span)
		if perEpoch > 0 {
			text = fmt.Sprintf("%q is %d steps, the whole training has %d", span, span.Steps(perEpoch, 0),
				l.Train.Length.Steps(perEpoch, 0))
		}
		err := l.Result.Bad(key, "%s (train.length = %q, %s): want at most that", text, l.Train.Length,
			l.origin("train.length"))
		bad = append(bad, err.(overlay.Errors)...)
	})
	if len(bad) > 0 {
		return bad
	}
	return nil
}

// LengthRemarks says which periods that somebody wrote are longer than the training.
func (l *Loaded) LengthRemarks(perEpoch int) (said []string) {
	l.tooLong(perEpoch, func(key string, span setting.Length) {
		what := periods[lastPart(key)]
		if leaf, ok := l.Result.Leaf(key); what == "" || !ok || leaf.Origin.IsDefault() {
			return
		}
		said = append(said, fmt.Sprintf("%s = %q is longer than the training (%q): %s at the end only", key, span,
			l.Train.Length, what))
	})
	return said
}

// tooLong visits the lengths that are known to be longer than the whole training.
func (l *Loaded) tooLong(perEpoch int, visit func(key string, span setting.Length)) {
	whole := l.Train.Length
	own := map[string]bool{} // tables of trainings of their own
	overlay.Each(l.Recipe, func(key string, value any) {
		if _, ok := value.(setting.Length); ok && lastPart(key) == "length" {
			own[strings.TrimSuffix(key, "length")] = key != "train.length"
		}
	})
	overlay.Each(l.Recipe, func(key string, value any) {
		if key == "train.length" || own[strings.TrimSuffix(key, lastPart(key))] {
			return
		}
		for _, span := range lengthsOf(value) {
			if !span.Relative() && (span.Unit == whole.Unit && span.Count > whole.Count ||
				perEpoch > 0 && span.Steps(perEpoch, 0) > whole.Steps(perEpoch, 0)) {
				visit(key, span)
			}
		}
	})
}

// lengthsOf are the lengths that a setting is.
func lengthsOf(value any) []setting.Length {
	switch v := value.(type) {
	case setting.Length:
		return []setting.Length{v}
	case setting.Every:
		return []setting.Length{v.Length()}
	case []setting.Length:
		return v
	}
	return nil
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// origin says where a setting was written.
func (l *Loaded) origin(key string) string {
	leaf, _ := l.Result.Leaf(key)
	return leaf.Origin.String()
}

package overlay

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// A message that begins with a setting of its struct is placed there; any other stays with the table.
func TestKeyed(t *testing.T) {
	v := reflect.ValueOf(&struct {
		Flip  float64 `toml:"flip"`
		Train string  `toml:"train"`
		Crops []int   `toml:"crops"`
	}{}).Elem()
	for text, want := range map[string]string{
		"flip = 2, want a probability":        "flip: 2, want a probability",
		"train is empty; want a directory":    "train: is empty; want a directory",
		"crops[1]: size = 0, want pixels":     "crops: crops[1]: size = 0, want pixels",
		"flipped = 2":                         "flipped = 2",
		"images of 2x2 are smaller than that": "images of 2x2 are smaller than that",
	} {
		if got := keyed(v, errors.New(text)).Error(); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	both := keyed(v, errors.Join(errors.New("flip = 2, no"), fmt.Errorf("train = %q, no", "x")))
	list, ok := both.(interface{ Unwrap() []error })
	if !ok || len(list.Unwrap()) != 2 || list.Unwrap()[1].Error() != `train: "x", no` {
		t.Errorf("two errors became %v", both)
	}
}

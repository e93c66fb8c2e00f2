package texts

import (
	"fmt"
	"testing"

	"selfsup/datasets"
)

func TestSOTU(t *testing.T) {
	for _, c := range []struct {
		label, test, want string
	}{
		{"party", "speeches", "1786 + 480 texts, 2 classes from Democratic to Republican, the first is Democratic"},
		{"president", "speeches", "1786 + 480 texts, 11 classes from Barack Obama to William J Clinton, the first is " +
			"Lyndon B Johnson"},
		{"decade", "speeches", "1786 + 480 texts, 7 classes from 1960s to 2020s, the first is 1960s"},
		{"decade", "passages", "1813 + 453 texts, 7 classes from 1960s to 2020s, the first is 1960s"},
	} {
		s := NewSOTU()
		s.Label, s.Test, s.Symbols = c.label, c.test, datasets.Symbols{Vocabulary: datasets.Words, Least: 5}
		d, err := s.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		all := d.Train.Classes()
		got := fmt.Sprintf("%d + %d texts, %d classes from %s to %s, the first is %s", d.Train.Len(), d.Test.Len(),
			len(all), all[0], all[len(all)-1], all[d.Train.Label(0)])
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.label, got, c.want)
		}
		if v := d.Train.(datasets.TextSet).Vocabulary(); v.Unit() != datasets.Words || v.Len() < 2000 ||
			v.Len() > 3000 {
			t.Errorf("%d %s, want those that occur five times", v.Len(), v.Unit())
		}
	}
	s := NewSOTU()
	if s.Label = "year"; s.Validate() == nil {
		t.Error("the label year is taken, want an error")
	}
	s = NewSOTU()
	if s.Test = "years"; s.Validate() == nil {
		t.Error("the test years is taken, want an error")
	}
}

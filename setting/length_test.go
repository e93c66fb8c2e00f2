package setting

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in, want string // want: String, or the error
		bad      bool
	}{
		{in: "60 epochs", want: "60 epochs"},
		{in: "1 epoch", want: "1 epoch"},
		{in: " 0.5  epochs ", want: "0.5 epochs"},
		{in: "500 steps", want: "500 steps"},
		{in: "10_000 steps", want: "10000 steps"},
		{in: "5%", want: "5%"},
		{in: "2.5 %", want: "2.5%"},
		{in: "-0 steps", want: "0 steps"},
		{in: "60", bad: true, want: `"60" has no unit: want "60 epochs", "60 steps" or "60%"`},
		{in: "60 epoches", bad: true,
			want: `"60 epoches" is not a length: want a number and a unit, as "60 epochs", "500 steps" or "5%"`},
		{in: "epochs", bad: true,
			want: `"epochs" is not a length: want a number and a unit, as "60 epochs", "500 steps" or "5%"`},
		{in: "", bad: true, want: `"" is not a length: want a number and a unit, as "60 epochs", "500 steps" or "5%"`},
		{in: "-3 epochs", bad: true, want: `"-3 epochs" is negative`},
		{in: "1.5 steps", bad: true, want: `"1.5 steps": steps are whole numbers`},
		{in: "101%", bad: true, want: `"101%" is more than the whole training: want at most 100%`},
		{in: "2000000000 steps", bad: true, want: `"2000000000 steps" is too long: want at most 1000000000`},
	} {
		l, err := ParseLength(c.in)
		got := l.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("ParseLength(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestUnmarshalTOML(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{"3 steps", "3 steps"},
		{int64(0), "0 steps"},
		{int64(60), `60 has no unit: want "60 epochs", "60 steps" or "60%"`},
		{0.5, `0.5 has no unit: want "0.5 epochs" or "0.5%"`},
		{true, `wants a length such as "60 epochs", "500 steps" or "5%", found true`},
	} {
		l := Epochs(7)
		got := ""
		if err := l.UnmarshalTOML(c.in); err != nil {
			got = err.Error()
			if l != Epochs(7) {
				t.Errorf("UnmarshalTOML(%v) failed but changed the length to %v", c.in, l)
			}
		} else {
			got = l.String()
		}
		if got != c.want {
			t.Errorf("UnmarshalTOML(%v) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		in   Length
		want int
	}{
		{Length{}, 0},
		{Steps(500), 500},
		{Epochs(60), 660},
		{Epochs(0.5), 6}, // 5.5 rounds away from zero
		{Epochs(0.01), 1},
		{Percent(5), 33},
		{Percent(100), 660},
		{Percent(0), 0},
	} {
		if got := c.in.Steps(11, 660); got != c.want {
			t.Errorf("%v with 11 steps an epoch and 660 in all = %d steps, want %d", c.in, got, c.want)
		}
	}
}

func TestStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Length{Unit: Unit(rapid.IntRange(0, 2).Draw(t, "unit"))}
		switch l.Unit {
		case Step:
			l.Count = float64(rapid.IntRange(0, maxCount).Draw(t, "count"))
		case Epoch:
			l.Count = rapid.Float64Range(0, maxCount).Draw(t, "count")
		default:
			l.Count = rapid.Float64Range(0, 100).Draw(t, "count")
		}
		got, err := ParseLength(l.String())
		if err != nil || got != l {
			t.Fatalf("ParseLength(%q) = %v, %v; want %v", l.String(), got, err, l)
		}
	})
}

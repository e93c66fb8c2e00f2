package kern

import "testing"

func TestPickLevel(t *testing.T) {
	for _, c := range []struct {
		name string
		best level
		want level
		ok   bool
	}{
		{"", avx512, avx512, true},
		{"", generic, generic, true},
		{"generic", avx512, generic, true},
		{"avx2", avx512, avx2, true},
		{"avx2", avx2, avx2, true},
		{"avx512", avx2, avx2, false},
		{"", neon, neon, true},
		{"neon", neon, neon, true},
		{"generic", neon, generic, true},
		{"avx2", neon, neon, false},
		{"neon", avx512, avx512, false},
		{"neon", generic, generic, false},
		{"AVX2", avx512, avx512, false},
		{"", amx, amx, true},
		{"avx512bf16", amx, avx512bf16, true},
		{"amx", avx512bf16, avx512bf16, false},
	} {
		got, err := pickLevel(c.best, c.name)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("pickLevel(%s, %q) is %s, %v; want %s, error %v", levelNames[c.best], c.name, levelNames[got], err,
				levelNames[c.want], !c.ok)
		}
	}
}

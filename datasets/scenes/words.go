package scenes

import "strings"

// Words are two texts about a scene: one names the drawings, one their classes. Objects come nearest first, as "a duck
// in front of a red apple and a rose, before grass".
func (s *Set) Words(w *Scene) []string {
	var names, classes []string
	for _, o := range w.Objects {
		names = append(names, s.drawings[o.Class*s.perClass+o.Drawing].name)
		classes = append(classes, s.classes[o.Class])
	}
	ground := s.grounds[w.Ground].name
	return []string{sentence(names, ground), sentence(classes, ground)}
}

func sentence(things []string, ground string) string {
	var b strings.Builder
	for i, thing := range things {
		switch {
		case i == 1:
			b.WriteString(" in front of ")
		case i > 1 && i == len(things)-1:
			b.WriteString(" and ")
		case i > 1:
			b.WriteString(", ")
		}
		b.WriteString(article(thing))
		b.WriteString(thing)
	}
	return b.String() + ", before " + ground
}

// article is what stands before a name, nothing before names of several things.
func article(thing string) string {
	switch {
	case many[thing]:
		return ""
	case strings.ContainsRune("aeiou", rune(thing[0])):
		return "an "
	}
	return "a "
}

// many are the names of drawings of several things.
var many = map[string]bool{"grapes": true, "cherries": true, "maracas": true, "ballet shoes": true,
	"womans boots": true}

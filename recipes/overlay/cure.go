package overlay

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// cure is the text that would be right in place of a value of the wrong type; empty where none is plain. It is tried
// before it is suggested, so that a hint is never the next mistake.
func (d *decoder) cure(t trail, x any, v reflect.Value) string {
	raw := d.raw(t)
	for _, text := range cures(x, raw, v.Type()) {
		if text != raw && fits(text, v.Type()) {
			return text
		}
	}
	return ""
}

// raw is the text of a value in its file or --set; empty where it is not known. What --set took for a string is as it
// was typed.
func (d *decoder) raw(t trail) string {
	if d.doc.made[t] {
		return ""
	}
	if d.doc.bare != "" {
		return d.doc.bare
	}
	if sp := d.doc.at[t]; sp.val < sp.valEnd {
		return d.doc.src[sp.val:sp.valEnd]
	}
	return ""
}

// cures lists what may be meant by a value, the likeliest first.
func cures(x any, raw string, want reflect.Type) []string {
	text := raw
	if s, ok := x.(string); ok {
		text = strings.TrimSpace(s)
	}
	switch kind := want.Kind(); {
	case isLeaf(want): // it reads its own text
		list := append(scalars(text, want), listOf(text, want))
		if raw != "" && !strings.ContainsAny(raw[:1], "[{\"'") {
			list = append(list, quote(raw))
		}
		return list
	case kind == reflect.Slice || kind == reflect.Array:
		return []string{listOf(text, want.Elem())}
	case kind == reflect.String && (raw == "" || strings.ContainsAny(raw[:1], "[{\"'")):
		return nil
	case kind == reflect.String:
		text = raw
	}
	return scalars(text, want)
}

// scalars is cures of a text that stands for one value.
func scalars(text string, want reflect.Type) []string {
	switch want.Kind() {
	case reflect.String:
		return []string{text, quote(text)}
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "yes", "on", "1":
			return []string{"true"}
		case "false", "no", "off", "0":
			return []string{"false"}
		}
		return nil
	}
	return numbers(text)
}

// isLeaf says that a type reads TOML by itself.
func isLeaf(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(tomlUnmarshaler) || p.Implements(textUnmarshaler)
}

var (
	pointless = regexp.MustCompile(`^([-+]?)([0-9]*)\.([0-9]*)([eE][-+]?[0-9]+)?$`)
	grouped   = regexp.MustCompile(`^[-+]?[0-9]+([_ ']+[0-9]+)+_*$|^[-+]?[0-9]+_+$`)
	zeros     = regexp.MustCompile(`^([-+]?)0+([0-9]+(\.[0-9]+)?)$`)
	wholly    = regexp.MustCompile(`^[-+]?[0-9][0-9_]*$`)
)

// numbers lists what a number may be meant by that TOML does not take: quoted, without a digit beside its point, with a
// decimal comma, grouped in another way than 10_000, with leading zeros, or a float that is whole.
func numbers(text string) []string {
	list := []string{text}
	if m := pointless.FindStringSubmatch(text); m != nil && m[2]+m[3] != "" {
		list = append(list, m[1]+orZero(m[2])+"."+orZero(m[3])+m[4])
	}
	if decimalComma.MatchString(text) {
		list = append(list, strings.Replace(text, ",", ".", 1))
	}
	if grouped.MatchString(text) {
		list = append(list, strings.NewReplacer("_", "", " ", "", "'", "").Replace(text))
	}
	if m := zeros.FindStringSubmatch(text); m != nil {
		list = append(list, m[1]+m[2])
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		list = append(list, fmt.Sprintf("%d", int64(f)))
	}
	return list
}

func orZero(digits string) string {
	if digits == "" {
		return "0"
	}
	return digits
}

// listOf makes a list of values that stand one after another, with or without brackets; empty if an element cannot be
// read.
func listOf(text string, elem reflect.Type) string {
	inner := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		inner = text[1 : len(text)-1]
	}
	if inner == "" || strings.ContainsAny(inner, "[]{}\n#") {
		return ""
	}
	parts := strings.Split(inner, ",")
	if !strings.Contains(inner, ",") && len(strings.Fields(inner)) > 1 && elem.Kind() != reflect.String {
		parts = strings.Fields(inner)
	}
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if u := strings.Trim(part, `"'`); len(u) == len(part)-2 && elem.Kind() != reflect.String && !isLeaf(elem) {
			part = u
		}
		good := ""
		for _, try := range append([]string{part}, scalars(part, elem)...) {
			if fits(try, elem) {
				good = try
				break
			}
		}
		if good == "" {
			return ""
		}
		parts[i] = good
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// fits says whether a text is a TOML value that a type takes.
func fits(text string, t reflect.Type) bool {
	if text == "" || len(text) > maxFile {
		return false
	}
	tree, err := decodeTOML("x = " + text)
	if err != nil || len(tree) != 1 {
		return false
	}
	trial := &decoder{doc: &document{kind: fromSet, trial: true}}
	trial.leaf(root, "", "x", tree["x"], reflect.New(t).Elem())
	return len(trial.errs) == 0
}

// outOfRange says of a whole number that no integer can hold, as --set takes it for a string, what would fit.
func outOfRange(text string, t reflect.Type) string {
	if !wholly.MatchString(text) {
		return ""
	}
	digits := strings.ReplaceAll(text, "_", "")
	if _, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return ""
	}
	switch kind := t.Kind(); {
	case kind >= reflect.Int && kind <= reflect.Int64:
		top := int64(1)<<(t.Bits()-1) - 1
		return fmt.Sprintf("%s is out of range: wants an integer from %d to %d", clip(text), -top-1, top)
	case kind >= reflect.Uint && kind <= reflect.Uint64:
		return fmt.Sprintf("%s is out of range: wants an integer from 0 to %d", clip(text),
			uint64(min(uint64(1)<<t.Bits()-1, math.MaxInt64)))
	case kind == reflect.Float32 || kind == reflect.Float64:
		return fmt.Sprintf("%s is out of range for an integer: write %s.0", clip(text), digits)
	}
	return ""
}

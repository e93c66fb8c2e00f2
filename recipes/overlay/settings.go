package overlay

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// SettingInfo is a setting of a choice, with its default.
type SettingInfo struct {
	Key     string       // below the choice's table
	Type    string       // such as float, integer, true or false, string, list of integers, length
	Default string       // as TOML
	Owner   reflect.Type // struct that declares it
	Field   string       // its name there
}

// SettingsOf lists the settings of a choice, a pointer to a struct, in the order of the struct.
func SettingsOf(value any) ([]SettingInfo, error) {
	v, err := settings("settings", value)
	if err != nil {
		return nil, err
	}
	return settingsBelow(v, "")
}

func settingsBelow(v reflect.Value, table string) (list []SettingInfo, err error) {
	for _, f := range mustFields(v.Type()) {
		inner, owner := v.FieldByIndex(f.index), v.Type()
		for _, i := range f.index[:len(f.index)-1] {
			owner = owner.Field(i).Type
		}
		s := SettingInfo{Key: join(table, f.key), Type: typeWords(inner.Type()), Owner: owner,
			Field: owner.Field(f.index[len(f.index)-1]).Name}
		switch f.kind {
		case leafKind:
			if s.Default, err = leafText(inner); err != nil {
				return nil, fmt.Errorf("overlay: %s: %w", s.Key, err)
			}
			list = append(list, s)
		case tableKind:
			below, err := settingsBelow(inner, s.Key)
			if err != nil {
				return nil, err
			}
			list = append(list, below...)
		case tablesKind:
			s.Type, s.Default = "list of tables", "[]"
			list = append(list, s)
		case choiceKind:
			s.Type = "choice"
			if name, _ := inner.Addr().Interface().(oneOf).chosen(); name != "" {
				s.Default = quote(name)
			}
			list = append(list, s)
		default:
			s.Type = "choice"
			list = append(list, s)
		}
	}
	return list, nil
}

// typeWords says what TOML a Go type takes, in the words of errors; a type that reads text of its own has its name.
func typeWords(t reflect.Type) string {
	switch reflect.New(t).Interface().(type) {
	case toml.Unmarshaler, encoding.TextUnmarshaler:
		return strings.ToLower(t.Name())
	}
	words := wants(t)
	return strings.TrimPrefix(strings.TrimPrefix(words, "an "), "a ")
}

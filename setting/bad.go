package setting

import "fmt"

// BadError is a setting that its own struct refuses. overlay.Load turns it into an error at the place where the key was
// written.
type BadError struct {
	Key  string // below the struct that refuses it, dotted; empty for the struct as a whole
	Text string
}

func (e *BadError) Error() string {
	if e.Key == "" {
		return e.Text
	}
	return e.Key + ": " + e.Text
}

// BadKey names the key. Any error with this method is placed like a BadError.
func (e *BadError) BadKey() (key, text string) { return e.Key, e.Text }

// Bad is for Validate methods: the value of key (dotted, below the struct being validated) is wrong. Several go into
// one error by errors.Join.
//
//	return setting.Bad("temperature", "%g: want a number above 0", m.Temperature)
func Bad(key, format string, args ...any) error {
	return &BadError{key, fmt.Sprintf(format, args...)}
}

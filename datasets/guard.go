package datasets

import "selfsup/internal/callsite"

// Guard turns a panic into an error that names the line, so that a set of somebody else cannot end the process from one
// of the goroutines that read it. Defer it: defer Guard(&err).
func Guard(err *error) {
	if r := recover(); r != nil {
		*err = callsite.Panic(r)
	}
}

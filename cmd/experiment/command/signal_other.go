//go:build !unix

package command

import "os"

var saveSignals []os.Signal

//go:build !unix

package command

import (
	"os"

	"selfsup/experiment"
)

func saveSignals() []os.Signal { return nil }

func keepWriting() {}

func requestOf(s os.Signal) experiment.Request {
	if s == os.Interrupt {
		return experiment.Interrupt
	}
	return experiment.Terminate
}

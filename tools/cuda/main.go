// Command cuda makes what the CUDA backend is built from.
//
//	go run ./tools/cuda ptx     compile graph/cuda/kernels/*.cu to PTX, with clang-16
package main

import (
	"fmt"
	"os"

	"selfsup/tools/cuda/internal/ptx"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cuda:", err)
		os.Exit(1)
	}
}

const usage = "want one verb: ptx"

func run(args []string) error {
	if len(args) < 1 {
		return fmt.Errorf(usage)
	}
	switch args[0] {
	case "ptx":
		folder, err := ptx.Folder()
		if err != nil {
			return err
		}
		return ptx.Write(folder)
	}
	return fmt.Errorf("%q: %s", args[0], usage)
}

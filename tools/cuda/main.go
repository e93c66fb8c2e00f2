// Command cuda builds the CUDA backend and what it is made of. Neither a CUDA toolkit nor a driver is needed.
//
//	go run ./tools/cuda build [-o FILE] [PACKAGE]   build cmd/experiment, or another command, with the backend in it
//	go run ./tools/cuda test [-emulated] ARGS...    run go test -tags gpu with the same flags; -emulated: on an
//	                                                emulated driver, of package internal/cudaemu
//	go run ./tools/cuda env                         print the variables that go build -tags gpu wants
//	go run ./tools/cuda kernels                     list threads, shared memory and registers of every kernel
//	go run ./tools/cuda roofline RECIPE [KEY=VALUE...]   estimate a training step from its operations and bytes
//	go run ./tools/cuda ptx                         compile graph/cuda/kernels/*.cu to PTX, with clang-16
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"selfsup/internal/cudaemu"
	"selfsup/recipes"
	"selfsup/tools/cuda/internal/binding"
	"selfsup/tools/cuda/internal/occupancy"
	"selfsup/tools/cuda/internal/ptx"
	"selfsup/tools/cuda/internal/roofline"
)

func main() {
	err := run(os.Args[1:])
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cuda:", err)
		os.Exit(1)
	}
}

const usage = "want one of the verbs build, test, env, kernels, roofline, ptx"

func run(args []string) error {
	if len(args) < 1 {
		return errors.New(usage)
	}
	root, err := ptx.Root()
	if err != nil {
		return err
	}
	switch verb, rest := args[0], args[1:]; verb {
	case "build":
		return build(root, rest)
	case "test":
		return test(root, rest)
	case "env":
		return env(root)
	case "kernels":
		return occupancy.Write(os.Stdout, occupancy.Ampere)
	case "roofline":
		return estimate(rest)
	case "ptx":
		folder, err := ptx.Folder()
		if err != nil {
			return err
		}
		return ptx.Write(folder)
	}
	return fmt.Errorf("%q: %s", args[0], usage)
}

// estimate prints the estimate of a recipe's step. tf32=true is a setting of the estimate beside the recipe's.
func estimate(args []string) error {
	if len(args) == 0 {
		return errors.New("roofline: want a recipe")
	}
	sets, tf32 := []string{}, false
	for _, a := range args[1:] {
		if a == "tf32=true" {
			tf32 = true
		} else {
			sets = append(sets, a)
		}
	}
	r, err := recipes.Load(args[0], sets, recipes.Builtin())
	if err != nil {
		return err
	}
	e, err := roofline.Of(r, tf32)
	if err != nil {
		return err
	}
	return e.Write(os.Stdout)
}

// build makes a command; go build takes what follows.
func build(root string, args []string) error {
	flags, err := binding.Flags(root)
	if err != nil {
		return err
	}
	if len(args) == 0 || strings.HasPrefix(args[len(args)-1], "-") || len(args) > 1 && args[len(args)-2] == "-o" {
		args = append(args, "selfsup/cmd/experiment")
	}
	return command(flags, append([]string{"build", "-tags", "gpu"}, args...)...)
}

// test runs go test. A first argument -emulated puts the emulated driver where the tests find it first; tests that need
// a device then fail without one.
func test(root string, args []string) error {
	flags, err := binding.Flags(root)
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "-emulated" {
		dir, err := cudaemu.Build("")
		if err != nil {
			return err
		}
		path := dir
		if old := os.Getenv("LD_LIBRARY_PATH"); old != "" {
			path += string(os.PathListSeparator) + old
		}
		flags, args = append(flags, "LD_LIBRARY_PATH="+path, "SELFSUP_CUDA=emulated"), args[1:]
	}
	return command(flags, append([]string{"test", "-tags", "gpu"}, args...)...)
}

// env prints the flags as a shell reads them.
func env(root string) error {
	flags, err := binding.Flags(root)
	if err != nil {
		return err
	}
	for _, f := range flags {
		name, value, _ := strings.Cut(f, "=")
		fmt.Printf("export %s='%s'\n", name, strings.TrimSpace(value))
	}
	return nil
}

// command runs the go command.
func command(flags []string, args ...string) error {
	c := exec.Command("go", args...)
	c.Env = append(os.Environ(), flags...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c.Run()
}

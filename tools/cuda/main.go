// Command cuda builds the CUDA backend and what it is made of. Neither a CUDA toolkit nor a driver is needed.
//
//	go run ./tools/cuda build [-o FILE] [PACKAGE]   build cmd/experiment, or another command, with the backend in it
//	go run ./tools/cuda test [-emulated] ARGS...    run go test -tags gpu with the same flags; -emulated: on an
//	                                                emulated driver, of package internal/cudaemu
//	go run ./tools/cuda check [-emulated] [-only REGEXP] [-o FILE]   compare everything with the processor; goes on
//	                                                where it was interrupted, and writes a table
//	go run ./tools/cuda env                         print the variables that go build -tags gpu wants
//	go run ./tools/cuda operations                  list the operations that the processor and a GPU have kernels for
//	go run ./tools/cuda kernels                     list threads, shared memory and registers of every kernel
//	go run ./tools/cuda roofline RECIPE [KEY=VALUE...]   estimate a training step from its operations and bytes
//	go run ./tools/cuda ptx                         compile graph/cuda/kernels/*.cu to PTX, with clang-16
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"selfsup/internal/cudaemu"
	"selfsup/recipes"
	"selfsup/tools/cuda/internal/binding"
	"selfsup/tools/cuda/internal/check"
	"selfsup/tools/cuda/internal/occupancy"
	"selfsup/tools/cuda/internal/operations"
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

const usage = "want one of the verbs build, test, check, env, operations, kernels, roofline, ptx"

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
	case "check":
		return everything(root, rest)
	case "env":
		return env(root)
	case "operations":
		return supported()
	case "kernels":
		return occupancy.Write(os.Stdout, occupancy.Ampere)
	case "roofline":
		return estimate(rest)
	case "ptx":
		return ptx.Write(ptx.Folder(root))
	}
	return fmt.Errorf("%q: %s", args[0], usage)
}

// supported prints the operations and the backends that have a kernel for each.
func supported() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "operation\tprocessor\tGPU")
	has := map[bool]string{true: "yes", false: "no"}
	for _, o := range operations.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.Name, has[o.CPU], has[o.CUDA])
	}
	return w.Flush()
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
		emulated, err := emulation()
		if err != nil {
			return err
		}
		flags, args = append(flags, emulated...), args[1:]
	}
	return command(flags, append([]string{"test", "-tags", "gpu"}, args...)...)
}

// emulation builds the emulated driver and returns the variables with which programs find it.
func emulation() ([]string, error) {
	dir, err := cudaemu.Build("")
	if err != nil {
		return nil, err
	}
	path := dir
	if old := os.Getenv("LD_LIBRARY_PATH"); old != "" {
		path += string(os.PathListSeparator) + old
	}
	return []string{"LD_LIBRARY_PATH=" + path, "SELFSUP_CUDA=emulated"}, nil
}

// everything compares all that the backend runs with the processor.
func everything(root string, args []string) error {
	f := flag.NewFlagSet("check", flag.ContinueOnError)
	emulated := f.Bool("emulated", false, "on the emulated driver")
	only := f.String("only", ".", "which of operations, golden and recipe NAME to run, a regular expression")
	to := f.String("o", "", "file of the table; empty: standard output")
	limit := f.Duration("limit", 10*time.Minute, "of one recipe on one device")
	if err := f.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	flags, err := binding.Flags(root)
	if err != nil {
		return err
	}
	o := check.Options{Recipes: recipes.Names(), Only: pattern.MatchString, Limit: *limit, Log: os.Stderr}
	device := "a GPU"
	if *emulated {
		device = "the emulated driver"
		if o.Env, err = emulation(); err != nil {
			return err
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	work := filepath.Join(cache, "selfsup", "cudacheck")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	o.Binary = filepath.Join(work, "experiment")
	err = command(flags, "build", "-trimpath", "-tags", "gpu", "-o", o.Binary, "selfsup/cmd/experiment")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(o.Binary)
	if err != nil {
		return err
	}
	o.State = filepath.Join(work, fmt.Sprintf("%x", sha256.Sum256(text))[:16])
	o.Go = func() *exec.Cmd {
		cmd := exec.Command("go", "test", "-tags", "gpu", "-count=1", "-timeout", "3h")
		cmd.Dir = root
		return cmd
	}
	o.Env = append(o.Env, flags...)
	all, err := check.Run(o)
	if err != nil {
		return err
	}
	if *to == "" {
		return check.Write(os.Stdout, device, all)
	}
	var table bytes.Buffer
	if err := check.Write(&table, device, all); err != nil {
		return err
	}
	return os.WriteFile(*to, table.Bytes(), 0o644)
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

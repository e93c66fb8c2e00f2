// Package ptx compiles the kernels' sources.
package ptx

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Compiler is the only compiler whose PTX is committed: another one's differs.
const Compiler = "clang-16"

// ErrNoCompiler is a machine without the compiler.
var ErrNoCompiler = errors.New(Compiler + " is not installed (Debian's package of this name has it)")

// Folder is where the kernels are in a module's folder.
func Folder(root string) string { return filepath.Join(root, "graph", "cuda", "kernels") }

// Root is the folder of the module that the working folder belongs to.
func Root() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("the module's folder: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Write compiles every source of a folder.
func Write(folder string) error {
	sources, err := filepath.Glob(filepath.Join(folder, "*.cu"))
	if err != nil || len(sources) == 0 {
		return fmt.Errorf("no kernels in %s (%v)", folder, err)
	}
	for _, s := range sources {
		text, err := Compile(s)
		if err != nil {
			return err
		}
		to := strings.TrimSuffix(s, ".cu") + ".ptx"
		if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Compile returns the PTX of one source. Files whose name ends in _sm80 use instructions of that generation, all others
// run on everything from sm_70 on.
func Compile(source string) ([]byte, error) {
	clang, err := exec.LookPath(Compiler)
	if err != nil {
		return nil, ErrNoCompiler
	}
	arch := "sm_70"
	if strings.HasSuffix(source, "_sm80.cu") {
		arch = "sm_80"
	}
	cmd := exec.Command(clang, "-x", "cuda", "--cuda-device-only", "--cuda-gpu-arch="+arch, "-nocudainc", "-nocudalib",
		"-std=c++17", "-O3", "-ffp-contract=off", "-fno-exceptions", "-Wall", "-Wno-unknown-cuda-version",
		"-Wno-unused-function", "-S", filepath.Base(source), "-o", "-")
	cmd.Dir = filepath.Dir(source)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", source, err, errs.String())
	}
	return out, nil
}

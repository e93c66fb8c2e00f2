// Package binding lets programs with a CUDA backend be built where neither a CUDA toolkit nor a driver is: it makes the
// library that they link against and says with which flags.
package binding

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed loader/loader.c
var loader []byte

// ErrNoCompiler is a machine without a C compiler.
var ErrNoCompiler = errors.New("a C compiler is needed to build with CUDA (gcc or clang; Debian's package gcc has " +
	"one, or set CC); a CUDA toolkit is not")

// Flags are the variables that the go command builds with, in the form of os.Environ. root is the module's folder. The
// headers and the library are kept in the user's cache folder, under the hash of what they were made from.
func Flags(root string) ([]string, error) {
	cc, err := compiler()
	if err != nil {
		return nil, err
	}
	include := filepath.Join(root, "graph", "cuda", "include")
	files := map[string][]byte{}
	hash := sha256.New()
	for _, name := range []string{"cuda.h", "functions.h"} {
		text, err := os.ReadFile(filepath.Join(include, name))
		if err != nil {
			return nil, err
		}
		files[name] = text
		hash.Write(text)
	}
	hash.Write(loader)
	hash.Write([]byte(strings.Join(cc, " ")))
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "selfsup", "cuda-"+hex.EncodeToString(hash.Sum(nil)[:8]))
	if _, err := os.Stat(filepath.Join(dir, "libcuda.a")); err != nil {
		if err := build(dir, files, cc); err != nil {
			return nil, err
		}
	}
	return []string{
		"CGO_ENABLED=1",
		"CGO_CFLAGS=-I" + dir + " " + setting("CGO_CFLAGS"),
		"CGO_LDFLAGS=-L" + dir + " -lcuda -ldl " + setting("CGO_LDFLAGS"),
	}, nil
}

// build makes the folder whole before it has its name, as others may look for it at the same time.
func build(dir string, files map[string][]byte, cc []string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	at, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(at)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(at, name), text, 0o644); err != nil {
			return err
		}
	}
	source := filepath.Join(at, "loader.c")
	if err := os.WriteFile(source, loader, 0o644); err != nil {
		return err
	}
	for _, c := range [][]string{
		append(cc[:len(cc):len(cc)], "-O2", "-fPIC", "-I", at, "-c", source, "-o", filepath.Join(at, "loader.o")),
		{archiver(), "rcs", filepath.Join(at, "libcuda.a"), filepath.Join(at, "loader.o")},
	} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(c, " "), err, out)
		}
	}
	if err := os.Chmod(at, 0o755); err != nil {
		return err
	}
	if err := os.Rename(at, dir); err != nil {
		if _, there := os.Stat(filepath.Join(dir, "libcuda.a")); there != nil {
			return err
		}
	}
	return nil
}

// compiler is the C compiler that the go command uses, with its flags.
func compiler() ([]string, error) {
	cc := strings.Fields(setting("CC"))
	if len(cc) == 0 {
		return nil, ErrNoCompiler
	}
	if _, err := exec.LookPath(cc[0]); err != nil {
		return nil, ErrNoCompiler
	}
	return cc, nil
}

func archiver() string {
	if ar := setting("AR"); ar != "" {
		return ar
	}
	return "ar"
}

// setting is a variable of the go command.
func setting(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

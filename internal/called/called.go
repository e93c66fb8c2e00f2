// Package called says how the user called this program: a message that says what to type next names the command as it
// was typed.
package called

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// Name is the command as it was typed: "experiment", "./bin/experiment", or "go run ./cmd/experiment". The binary of a
// test, which nobody types, stands for the command.
func Name() string {
	path, module := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		path, module = info.Path, info.Main.Path
	}
	return name(os.Args[0], path, module)
}

// name is Name of a program that was started as arg0, and was built from the package path of a module.
func name(arg0, path, module string) string {
	base := strings.TrimSuffix(filepath.Base(arg0), ".exe")
	switch {
	case strings.HasSuffix(base, ".test"):
		return "experiment"
	case !built(arg0) || path == "":
		return quote(arg0)
	}
	if below, ok := strings.CutPrefix(path, module+"/"); ok {
		if info, err := os.Stat(filepath.FromSlash(below)); err == nil && info.IsDir() {
			return "go run ./" + below
		}
	}
	if path == module { // the main package is the module's root
		return "go run ."
	}
	return "go run " + path
}

// built reports whether a program lies where "go run" puts what it builds: .../go-build123/b001/exe/name.
func built(arg0 string) bool {
	dir := filepath.Dir(arg0)
	return filepath.Base(dir) == "exe" && strings.Contains(filepath.ToSlash(dir), "/go-build")
}

// Line is the command with words behind it, as a shell takes it.
func Line(words ...string) string {
	line := Name()
	for _, w := range words {
		line += " " + quote(w)
	}
	return line
}

// quote puts a word into quotes that a shell needs for it.
func quote(word string) string {
	if word != "" &&
		strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%\\") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

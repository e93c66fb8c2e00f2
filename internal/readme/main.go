// Command readme runs every command of README.md as it is written, in a fresh clone of the last commit.
//
//	go run ./internal/readme [-length "2 epochs"] [-skip COMMAND]...
//
// Blocks of the language sh are commands. They run one after the other in one shell, which begins in the clone, a
// folder named selfsup, and stops at the first that fails. A block of another language whose first line is a comment
// with the name of a file, such as "# cold.toml" or "// ../mine/main.go", is that file, relative to the clone. What is
// not as in the README: with -length every training lasts as long as that says, and commands given by -skip do not run.
// Both are printed where they happen.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	length := flag.String("length", "", "`length` of every training, such as \"2 epochs\"")
	var skip []string
	flag.Func("skip", "a `command` that is not to run; may be repeated", func(s string) error {
		skip = append(skip, s)
		return nil
	})
	flag.Parse()
	if err := run("README.md", *length, skip); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

// run clones the repository of the working directory and runs what a document in it says.
func run(document, length string, skip []string) error {
	work, err := os.MkdirTemp("", "readme")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	clone := filepath.Join(work, "selfsup")
	if text, err := exec.Command("git", "clone", "--quiet", ".", clone).CombinedOutput(); err != nil {
		return fmt.Errorf("git clone: %w\n%s", err, text)
	}
	text, err := os.ReadFile(filepath.Join(clone, document))
	if err != nil {
		return err
	}
	script, err := scriptOf(blocks(string(text)), clone, length, skip)
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	shell := exec.Command("bash", "-c", script)
	shell.Dir, shell.Stdout, shell.Stderr = clone, os.Stdout, os.Stderr
	return shell.Run()
}

// block is a fenced block.
type block struct {
	language, text string
}

// blocks are the fenced blocks of a document, in order.
func blocks(document string) (all []block) {
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(document, -1) {
		all = append(all, block{m[1], m[2]})
	}
	return all
}

var (
	fileName = regexp.MustCompile(`^(?:#|//) (\S+\.\w+)\n`)
	training = regexp.MustCompile(`(?:experiment|go run \.) run \S+`)
)

// scriptOf is a shell script that writes the blocks' files below a folder and runs their commands, each printed before.
func scriptOf(all []block, clone, length string, skip []string) (string, error) {
	var b strings.Builder
	b.WriteString("set -euo pipefail\n")
	commands, unused := 0, slices.Clone(skip)
	for _, block := range all {
		if block.language != "sh" {
			if name := fileName.FindStringSubmatch(block.text); name != nil {
				path := quote(filepath.Join(clone, name[1]))
				fmt.Fprintf(&b, "mkdir -p \"$(dirname %s)\"\nprintf %%s %s > %s\n", path, quote(block.text), path)
			}
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(block.text), "\n") {
			unused = slices.DeleteFunc(unused, func(s string) bool { return s == line })
			if slices.Contains(skip, line) {
				fmt.Fprintf(&b, "echo %s\n", quote("-- left out: "+line))
				continue
			}
			commands++
			if length != "" {
				line = training.ReplaceAllString(line, "$0 --set "+quote("train.length=\""+length+"\""))
			}
			fmt.Fprintf(&b, "echo %s\n%s\n", quote("-- "+line), line)
		}
	}
	switch {
	case commands == 0:
		return "", errors.New("it has no commands: no block of the language sh")
	case len(unused) > 0:
		return "", fmt.Errorf("-skip %q: it has no such command", unused)
	}
	return b.String(), nil
}

// quote makes one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

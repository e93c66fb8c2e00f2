package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const sample = "# x\n\n```toml\n# sub/it's.toml\na = \"b\"\n```\ntext `sh`\n```sh\ncat sub/*.toml\necho " +
	"experiment run a.toml\n```\n\n```text\nexperiment run RECIPE\n```\n```sh\ncd sub\nls\nfalse here\n```\n"

// A document's files are there when its commands run, as they are written, in one shell.
func TestScript(t *testing.T) {
	dir := t.TempDir()
	script, err := scriptOf(blocks(sample), dir, "2 epochs", []string{"false here"})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("bash", "-c", script)
	c.Dir = dir
	out, err := c.CombinedOutput()
	want := "-- cat sub/*.toml\n# sub/it's.toml\na = \"b\"\n" +
		"-- echo experiment run a.toml --set 'train.length=\"2 epochs\"'\nexperiment run a.toml --set " +
		"train.length=\"2 epochs\"\n" +
		"-- cd sub\n-- ls\nit's.toml\n-- left out: false here\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
	script, err = scriptOf(blocks(sample), dir, "", nil)
	if err != nil || strings.Contains(script, "train.length") {
		t.Errorf("%v, without a length:\n%s", err, script)
	}
	c = exec.Command("bash", "-c", script)
	c.Dir = dir
	if c.Run() == nil {
		t.Error("a command that fails does not stop the script")
	}
	for document, want := range map[string]string{"no commands": "no block of the language sh",
		sample: "it has no such command"} {
		if _, err := scriptOf(blocks(document), dir, "", []string{"true"}); err == nil || !strings.Contains(err.Error(),
			want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// README.md's own blocks are read: its commands are those that a newcomer types first.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := blocks(string(text))
	script, err := scriptOf(all, "clone", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\ngo run ./cmd/experiment run recipes/quickstart.toml\n", "\ngo test ./...\n",
		"\ngo build -o bin/experiment ./cmd/experiment\n",
		"> 'clone/cold.toml'\n", "> 'mine/main.go'\n", "> 'clone/load.py'\n", "\ngo mod tidy\n",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("the README has no %q", want)
		}
	}
	if fences := strings.Count("\n"+string(text), "\n```"); fences != 2*len(all) {
		t.Errorf("%d lines begin with a fence, want %d for %d blocks, each with its language", fences, 2*len(all),
			len(all))
	}
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "    ") && strings.Contains(line, "experiment") {
			t.Errorf("README.md:%d: a command in an indented block, which no test runs: %s", i+1, line)
		}
	}
}

package called

import (
	"os"
	"path/filepath"
	"testing"
)

// The command is named as it was typed, wherever it was typed.
func TestName(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "cmd", "experiment"), 0o777); err != nil {
		t.Fatal(err)
	}
	const ran = "/tmp/go-build3141/b001/exe/experiment"
	for _, c := range []struct{ dir, arg0, path, module, want string }{
		{root, "experiment", "selfsup/cmd/experiment", "selfsup", "experiment"},
		{root, "./bin/experiment", "selfsup/cmd/experiment", "selfsup", "./bin/experiment"},
		{root, "/opt/my tools/trainer", "mine", "mine", "'/opt/my tools/trainer'"},
		{root, ran, "selfsup/cmd/experiment", "selfsup", "go run ./cmd/experiment"},
		{t.TempDir(), ran, "selfsup/cmd/experiment", "selfsup", "go run selfsup/cmd/experiment"},
		{root, "/tmp/go-build3141/b001/exe/mine", "mine", "mine", "go run ."},
		{root, ran, "", "", ran},
		{root, "/tmp/go-build3141/b001/command.test", "selfsup/cmd/experiment/command.test", "selfsup", "experiment"},
	} {
		t.Chdir(c.dir)
		if got := name(c.arg0, c.path, c.module); got != c.want {
			t.Errorf("%q of %s in %s is called %q, want %q", c.arg0, c.path, c.dir, got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	if got := Line("resume", "my runs/it's one", "--set", "train.length=") +
		" "; got != `experiment resume 'my runs/it'\''s one' --set train.length= ` {
		t.Errorf("got %s", got)
	}
}

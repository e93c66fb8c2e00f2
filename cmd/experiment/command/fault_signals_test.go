package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"selfsup/experiment"
)

// slowPictures is a folder of images that take long to read: many names of one large file.
func slowPictures(t *testing.T) string {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 2500, 2500))
	for i := range m.Pix {
		m.Pix[i] = uint8(i / 977 * i)
	}
	var data bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&data, m); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	first := filepath.Join(dir, "a", "00.png")
	for _, class := range []string{"a", "b"} {
		os.Mkdir(filepath.Join(dir, class), 0o777)
	}
	if err := os.WriteFile(first, data.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 150; i++ {
		name := filepath.Join(dir, string("ab"[i%2]), fmt.Sprintf("%02d.png", i))
		if os.Link(first, name) != nil && os.Symlink(first, name) != nil {
			t.Skip("no links on this file system")
		}
	}
	return dir
}

// A signal while the data are read ends the run at once with its status: nothing is left of a new folder, and one that
// is there stays as it was.
func TestSignalWhileReading(t *testing.T) {
	photos := slowPictures(t)
	args := []string{"run", "quickstart.toml", "--set", fmt.Sprintf("dataset.folder.train=%q", photos), "--set",
		"dataset.folder.resize=28", "--set", "train.batch=8", "--json"}
	for _, c := range []struct {
		signal syscall.Signal
		status int
		name   string
	}{{syscall.SIGINT, 130, "an interrupt"}, {syscall.SIGTERM, 143, "SIGTERM"}, {syscall.SIGUSR1, 5, "SIGUSR1"},
		{syscall.SIGHUP, 129, "SIGHUP"}} {
		if signal.Ignored(c.signal) {
			continue // under nohup a run ignores SIGHUP too
		}
		dir := filepath.Join(t.TempDir(), "run")
		p := command(append(args, "--run-dir", dir)...)
		var out bytes.Buffer
		p.Stdout = &out
		p.start(t)
		// it beats while the images are read
		p.until(t, "reading", func() bool { return exists(filepath.Join(dir, "heartbeat")) })
		began := time.Now()
		p.Process.Signal(c.signal)
		p.ended(t, c.status, "stopped by "+c.name+" before its first step, at once")
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%v: left after %v", c.signal, took)
		}
		if exists(dir) {
			t.Errorf("%v: %s is left", c.signal, dir)
		}
		var end ending
		if err := json.Unmarshal(out.Bytes(), &end); err != nil || end.State != "interrupted" ||
			end.Status != c.status {
			t.Errorf("%v: --json prints %s (%v), want how it ended", c.signal, out.String(), err)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A run whose messages nobody reads any more goes on to its end, and log.txt has them.
func TestReaderGone(t *testing.T) {
	root := t.TempDir()
	p := command(append([]string{"run", "quickstart.toml", "--runs", root}, tiny...)...)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stderr = write // a pipe itself, as a shell makes it
	p.start(t)
	read.Close()
	write.Close()
	p.ended(t, 0)
	dirs, _ := filepath.Glob(filepath.Join(root, "*"))
	if len(dirs) != 1 {
		t.Fatalf("run folders %v, want one", dirs)
	}
	checkState(t, dirs[0], "done")
	text, _ := os.ReadFile(filepath.Join(dirs[0], "log.txt"))
	for _, want := range []string{"step 6/6", "knn k=20 top1", "6 steps in "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in log.txt:\n%s", want, text)
		}
	}

	p = command(append([]string{"run", "quickstart.toml", "--json", "--runs", t.TempDir()}, tiny...)...)
	if read, write, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	p.Stdout = write
	p.start(t)
	read.Close()
	write.Close()
	p.ended(t, 1, "standard output: ", "what it would have said is in ")
}

// A terminal that closes saves and stops the run; one that nohup has made deaf to that goes on.
func TestHangup(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored here, as under nohup: a run then ignores it too")
	}
	p := begin(t, "")
	dir := p.checkpointed(t)
	p.Process.Signal(syscall.SIGHUP)
	p.ended(t, 129, "stopped by SIGHUP after step ", "resume with: ")
	checkState(t, dir, "interrupted")

	p = command("resume", dir)
	p.Path, p.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}, p.Args...)
	p.start(t)
	p.until(t, "start", func() bool {
		s, err := experiment.ReadStatus(dir)
		return err == nil && s.State == "running"
	})
	was, err := experiment.ReadStatus(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Process.Signal(syscall.SIGHUP)
	p.until(t, "steps after SIGHUP", func() bool {
		s, err := experiment.ReadStatus(dir)
		return err == nil && s.Step > was.Step+4
	})
	p.Process.Signal(syscall.SIGTERM)
	p.ended(t, 143)
}

// Interrupts that come together are one, those too that come when the run has stopped and says how it goes on: timeout
// and process groups pass a Ctrl-C on beside the terminal.
func TestDoubledInterrupt(t *testing.T) {
	p := begin(t, "")
	dir := p.checkpointed(t)
	for began := time.Now(); time.Since(began) < 60*time.Millisecond; time.Sleep(20 * time.Microsecond) {
		p.Process.Signal(syscall.SIGINT)
	}
	p.ended(t, 130, "resume with: experiment resume "+dir)
	checkState(t, dir, "interrupted")
}

// Hints name the command as it was called.
func TestHintsNameTheCommand(t *testing.T) {
	p := begin(t, "TEST_NAME=./bin/trainer")
	dir := p.checkpointed(t)
	p.Process.Signal(syscall.SIGTERM)
	p.ended(t, 143, "resume with: ./bin/trainer resume "+dir)
	for args, want := range map[string]string{
		"run":                             "usage: ./bin/trainer run RECIPE",
		"rnu":                             "./bin/trainer: unknown command rnu",
		"run quickstart.toml --sett x":    "(see ./bin/trainer run --help)",
		"bench quickstart.toml --steps 0": "./bin/trainer bench: --steps 0",
		"run quickstart.toml --set method.nothing.at=1": "(see: ./bin/trainer list methods)",
		"run quickstart.toml --threads none":            "./bin/trainer: --threads none",
		"run quickstart.toml --resume":                  "./bin/trainer resume RUN",
		"run --help":                                    "  ./bin/trainer run recipes/quickstart.toml",
		"resume " + filepath.Join(dir, "none"):          "is no run folder",
		"run quickstart.toml --run-dir " + dir + " --resume": "./bin/trainer resume " + dir +
			" goes on with the one there",
		"run quickstart.toml --set seed=1 --name a --run-dir b": "./bin/trainer run: --run-dir b and --name a",
	} {
		c := exec.Command(os.Args[0], strings.Fields(args)...)
		c.Env = append(os.Environ(), "TEST_AS_COMMAND=1", "TEST_NAME=./bin/trainer")
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: want %q in %s", args, want, out)
		}
	}
}

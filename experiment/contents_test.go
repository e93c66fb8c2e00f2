package experiment_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/recipes"
)

// everyTen is small with an evaluation every ten steps.
var everyTen = strings.Replace(small, `every = "0 steps"`, `every = "10 steps"`, 1)

// A run that was interrupted has everything in its folder: messages of both processes, a heartbeat, scalars of every
// metrics line that goes on at the step after the stop, the best checkpoint, and the encoder.
func TestRunFolderContents(t *testing.T) {
	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	begun := time.Now().Add(-time.Second)
	_, err := train(t, load(t, everyTen), stop)
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) {
		t.Fatal(err)
	}
	dir := stopped.Folder
	var messages bytes.Buffer
	sum, err := experiment.Resume(dir, recipes.Builtin(), experiment.Options{Messages: &messages})
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	filepath.WalkDir(dir, func(path string, e os.DirEntry, _ error) error {
		if name, _ := filepath.Rel(dir, path); !e.IsDir() {
			got = append(got, strings.SplitAfter(name, "tfevents.")[0])
		}
		return nil
	})
	want := []string{
		"checkpoints/best", "checkpoints/last", "checkpoints/previous", "data.images.tsv.gz", "data.json",
		"environment.json", "events.out.tfevents.", "events.out.tfevents.",
		"export/encoder.safetensors", "heartbeat", "hits.json", "lock", "log.txt", "metrics.jsonl",
		"recipe.origins.toml", "recipe.resolved.toml",
		"recipe.toml", "report.html", "run.json", "summary.json",
	}
	want = slices.Insert(want, slices.Index(want, "recipe.origins.toml"), "recipe.base0.quickstart.toml")
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("folder holds\n%v, want\n%v", got, want)
	}
	if info, err := os.Stat(filepath.Join(dir, "heartbeat")); err != nil || info.ModTime().Before(begun) {
		t.Errorf("heartbeat %v, %v", info, err)
	}
	checkMessages(t, dir, messages.String())
	checkEvents(t, dir)
	checkBest(t, dir, sum)
	checkExport(t, dir)
}

// checkMessages looks for what both processes said, in order and with times.
func checkMessages(t *testing.T, dir, said string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	for _, want := range []string{"23 steps of 64", "stopped by an interrupt after step 1, saved", "23 steps of 64",
		"knn k=20 top1", "step 23/23"} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("no %q at its place in log.txt:\n%s", want, text)
		}
		rest = after
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		at, _, _ := strings.Cut(line, " ")
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			t.Errorf("log.txt: %q: %v", line, err)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(said), "\n") {
		if !strings.Contains(string(text), " "+line+"\n") {
			t.Errorf("%q was said, and is not in log.txt:\n%s", line, text)
		}
	}
}

// scalar is a number in an event file.
type scalar struct {
	step int
	tag  string
}

// readEvents reads event files as TensorBoard does, by their definition: the checksums bit by bit, the fields one after
// another.
func readEvents(t *testing.T, files []string) map[scalar]float32 {
	t.Helper()
	all := map[scalar]float32{}
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; len(data) > 0; n++ {
			size := int(binary.LittleEndian.Uint64(data))
			if got, want := binary.LittleEndian.Uint32(data[8:]), maskedCRC(data[:8]); got != want {
				t.Fatalf("%s: record %d: checksum of the length is %08x, want %08x", file, n, got, want)
			}
			msg := data[12 : 12+size]
			if got, want := binary.LittleEndian.Uint32(data[12+size:]), maskedCRC(msg); got != want {
				t.Fatalf("%s: record %d: checksum is %08x, want %08x", file, n, got, want)
			}
			data = data[16+size:]
			e := readProto(t, msg)
			if wall := math.Float64frombits(e[1][0].number); math.Abs(wall-float64(time.Now().Unix())) > 3600 {
				t.Errorf("%s: record %d: wall time %v", file, n, wall)
			}
			step := 0
			if len(e[2]) > 0 {
				step = int(e[2][0].number)
			}
			switch {
			case n == 0:
				if len(e[3]) != 1 || string(e[3][0].bytes) != "brain.Event:2" {
					t.Errorf("%s begins with %v, want its version", file, e)
				}
			case n == 1 && i > 0: // forget later steps of the files before
				if len(e[7]) != 1 || readProto(t, e[7][0].bytes)[1][0].number != 1 {
					t.Fatalf("%s: record 1 is %v, want a start", file, e)
				}
				for s := range all {
					if s.step >= step {
						delete(all, s)
					}
				}
			default:
				for _, v := range readProto(t, e[5][0].bytes)[1] {
					f := readProto(t, v.bytes)
					at := scalar{step, string(f[1][0].bytes)}
					if _, twice := all[at]; twice {
						t.Errorf("%s: %v stands twice", file, at)
					}
					all[at] = math.Float32frombits(uint32(f[2][0].number))
				}
			}
		}
	}
	return all
}

type protoValue struct {
	number uint64
	bytes  []byte
}

// readProto splits a protocol buffer into its fields.
func readProto(t *testing.T, b []byte) map[int][]protoValue {
	t.Helper()
	fields := map[int][]protoValue{}
	for r := bufio.NewReader(bytes.NewReader(b)); ; {
		key, err := binary.ReadUvarint(r)
		if err != nil {
			return fields
		}
		var v protoValue
		switch key & 7 {
		case 0:
			v.number, err = binary.ReadUvarint(r)
		case 1:
			err = binary.Read(r, binary.LittleEndian, &v.number)
		case 2:
			var n uint64
			n, _ = binary.ReadUvarint(r)
			v.bytes = make([]byte, n)
			err = binary.Read(r, binary.LittleEndian, v.bytes)
		case 5:
			var n uint32
			err = binary.Read(r, binary.LittleEndian, &n)
			v.number = uint64(n)
		default:
			t.Fatalf("wire type %d in %x", key&7, b)
		}
		if err != nil {
			t.Fatalf("field %d of %x: %v", key>>3, b, err)
		}
		fields[int(key>>3)] = append(fields[int(key>>3)], v)
	}
}

// maskedCRC is the masked CRC-32C of TensorFlow's records, bit by bit.
func maskedCRC(data []byte) uint32 {
	c := ^uint32(0)
	for _, b := range data {
		c ^= uint32(b)
		for range 8 {
			c = c>>1 ^ 0x82f63b78&-(c&1)
		}
	}
	c = ^c
	return (c>>15 | c<<17) + 0xa282ead8
}

// checkEvents compares the event files with metrics.jsonl: the same numbers at the same steps.
func checkEvents(t *testing.T, dir string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	got := readEvents(t, files)
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var fields map[string]float64
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		_, trains := fields["loss"]
		for tag, v := range fields {
			if tag == "step" || !trains && (tag == "epoch" || tag == "seconds") {
				continue
			}
			want++
			if x, ok := got[scalar{int(fields["step"]), tag}]; !ok || x != float32(v) {
				t.Errorf("events have %s = %v (%v) at step %v, want %v", tag, x, ok, fields["step"], v)
			}
		}
	}
	if len(got) != want || want < 23*5 {
		t.Errorf("events have %d numbers, want %d", len(got), want)
	}
}

// checkBest compares the best checkpoint with the evaluations in metrics.jsonl and at the end.
func checkBest(t *testing.T, dir string, sum *experiment.Summary) {
	t.Helper()
	_, m, err := checkpoint.Best(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	want, at, seen := -1.0, 0, 0
	consider := func(v float64, step int) {
		if seen++; v > want {
			want, at = v, step
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var fields map[string]float64
		json.Unmarshal([]byte(line), &fields)
		if v, ok := fields["validation knn k=20 top1"]; ok {
			consider(v, int(fields["step"]))
		}
	}
	if v := sum.Evaluations[0].Value; seen == 0 || !bytes.Contains(text, fmt.Appendf(nil, `,"knn k=20 top1":%v,`, v)) {
		t.Errorf("the end's evaluation %v is not in the metrics:\n%s", v, text)
	}
	if seen != 3 || m.Score == nil || m.Score.Value != want || m.Score.Evaluation != "validation knn k=20 top1" ||
		m.Step != at {
		t.Errorf("best is step %d with %+v, want step %d with validation knn k=20 top1 %v (of %d evaluations)", m.Step,
			m.Score, at, want, seen)
	}
	again, err := experiment.Evaluate(dir, true, nil, recipes.Builtin(), experiment.Options{})
	if err != nil || again.Steps != at || again.ChosenBy == nil || *again.ChosenBy != *m.Score {
		t.Fatalf("evaluating the best checkpoint: %v, %v; want step %d, chosen by %+v", again, err, at, m.Score)
	}
	if line := fmt.Sprintf("state: step %d, chosen by validation knn k=20 top1 %.4f\n", at,
		want); !strings.Contains(again.Table(), line) {
		t.Errorf("want %q in\n%s", line, again.Table())
	}
	if line := fmt.Sprintf("state: step 23, the last; checkpoints/best is step %d, chosen by validation knn "+
		"k=20 top1 %.4f\n", at, want); !strings.Contains(sum.Table(), line) {
		t.Errorf("want %q in\n%s", line, sum.Table())
	}
}

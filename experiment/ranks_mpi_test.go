package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/graph/comm"
	"selfsup/graph/comm/mpi"
	"selfsup/graph/ir"
)

// methodsOnRanks are small recipes of methods whose samples meet in every way: in batch norms, as negatives, in
// covariances, queues, Sinkhorn sums and centres, with captions, or not at all.
var methodsOnRanks = []struct {
	name, file string
	steps      int
	sets       []string
}{
	{"simclr", "quickstart.toml", 50, []string{"backbone.convnet.widths=[4,8]", "method.simclr.projector=[16,8]"}},
	{"vicreg", "vicreg.toml", 5, []string{"backbone.convnet.widths=[4,8]", "method.vicreg.projector=[16,16]"}},
	{"byol", "byol.toml", 5, []string{"backbone.convnet.widths=[4,8]", "method.byol.projector=[16,8]",
		"method.byol.predictor=[16]"}},
	{"moco", "moco.toml", 5, []string{"backbone.convnet.widths=[4,8]", "method.moco.projector=[16,8]",
		"method.moco.queue=64"}},
	{"swav", "swav.toml", 5, []string{"backbone.convnet.widths=[4,8]", "method.swav.projector=[16,8]",
		"method.swav.prototypes=6", `method.swav.hold="2 steps"`}},
	{"dino", "dino.toml", 50, []string{"backbone.convnet.widths=[4,8]", "method.dino.hidden=16",
		"method.dino.bottleneck=8", "method.dino.prototypes=16", `method.dino.hold_last="2 steps"`}},
	{"mae", "mae.toml", 5, []string{"backbone.vit.dim=16", "backbone.vit.depth=1", "backbone.vit.heads=2",
		"method.mae.decoder_dim=8"}},
	{"clip", "clip.toml", 5, nil},
	{"simclr in parts", "quickstart.toml", 5, []string{"backbone.vit.dim=8", "backbone.vit.depth=1",
		"backbone.vit.heads=2", "backbone.vit.patch=7", `projector.norm="layer"`, "method.simclr.projector=[16,8]",
		"train.grad_cache=2"}},
}

// lossesOnRanks are the losses of at most so many steps of each recipe, on one process where c is nil. In dir is that
// of CLIP.
func lossesOnRanks(c comm.Comm, dir string, most int) (map[string][]float64, error) {
	all := map[string][]float64{}
	for _, m := range methodsOnRanks {
		file, sets := m.file, append([]string{"train.batch=16", `train.length="50 steps"`}, m.sets...)
		if m.name == "clip" {
			file = filepath.Join(dir, file)
		}
		s, err := prepareIn(ir.F32, c, file, sets...)
		if err != nil {
			return nil, err
		}
		steps := min(m.steps, most)
		got, err := s.course(steps)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		for step := range steps {
			all[m.name] = append(all[m.name], got.values[fmt.Sprintf("step %d, loss[]", step)][0])
		}
	}
	return all, nil
}

// TestRanksOverMPI trains the recipes on 2 and 4 processes, and compares the losses of every step with those of one.
func TestRanksOverMPI(t *testing.T) {
	if dir := os.Getenv("SELFSUP_TEST_RANK"); dir != "" { // a rank of those below
		job, err := comm.Noticed()
		if err != nil {
			t.Fatal(err)
		}
		c, err := mpi.Open(job)
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		fmt.Sscan(os.Getenv("SELFSUP_TEST_STEPS"), &most)
		got, err := lossesOnRanks(c, dir, most)
		if err != nil {
			t.Fatalf("rank %d: %v", c.Rank(), err)
		}
		fmt.Printf("rank %d of %d by %s\n", c.Rank(), c.Size(), c.About())
		if c.Rank() == 0 {
			text, err := json.Marshal(got)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "losses.json"), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := filepath.Dir(withCaptions(t))
	want, err := lossesOnRanks(nil, dir, 50)
	if err != nil {
		t.Fatal(err)
	}
	open := []string{"mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1",
		"--bind-to", "none"}
	tcp := append(slices.Clone(open), "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo")
	for _, c := range []struct {
		name   string
		launch []string
		ranks  int
		steps  int
	}{
		{"two", open, 2, 50}, {"four", open, 4, 50}, {"two over tcp", tcp, 2, 50}, {"four over tcp", tcp, 4, 5},
		{"two of mpich", []string{"mpirun.mpich"}, 2, 5}, // whose ranks take the processor while they wait
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.launch[0]); err != nil {
				t.Skipf("%s is not installed: this library of MPI is not tried", c.launch[0])
			}
			cmd := exec.Command(c.launch[0], append(c.launch[1:], "-np", fmt.Sprint(c.ranks), os.Args[0],
				"-test.run=^TestRanksOverMPI$")...)
			cmd.Env = append(os.Environ(), "SELFSUP_TEST_RANK="+dir, fmt.Sprint("SELFSUP_TEST_STEPS=", c.steps))
			out, err := cmd.CombinedOutput()
			if says := fmt.Sprintf(" of %d by ", c.ranks); err != nil || strings.Count(string(out), says) != c.ranks {
				t.Fatalf("%v, want %d ranks: %s", err, c.ranks, out)
			}
			used := cmd.ProcessState
			t.Logf("%.1f s of processors", (used.UserTime() + used.SystemTime()).Seconds())
			text, err := os.ReadFile(filepath.Join(dir, "losses.json"))
			got := map[string][]float64{}
			if err == nil {
				err = json.Unmarshal(text, &got)
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, losses := range want {
				losses = losses[:min(len(losses), c.steps)]
				if len(got[name]) != len(losses) {
					t.Fatalf("%s has %d losses, want %d", name, len(got[name]), len(losses))
				}
				for i, v := range losses {
					tol := 1e-3
					if i < 5 {
						tol = 1e-5
					}
					if !(math.Abs(got[name][i]/v-1) <= tol) {
						t.Errorf("%s, step %d: loss %v, of one process %v", name, i+1, got[name][i], v)
						break
					}
				}
			}
		})
	}
}

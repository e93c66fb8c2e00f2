package mpi_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"selfsup/graph/comm"
	"selfsup/graph/comm/commtest"
	"selfsup/graph/comm/mpi"
)

// launchers are the commands that start ranks, with the flags that a small machine needs.
func launchers(n int) map[string][]string {
	open := []string{"--allow-run-as-root", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-np",
		fmt.Sprint(n)}
	return map[string][]string{
		"shared memory": append([]string{"mpirun.openmpi"}, open...),
		"tcp": append([]string{"mpirun.openmpi", "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo"},
			open...),
		"mpich": {"mpirun.mpich", "-np", fmt.Sprint(n)},
	}
}

// TestCollectives compares every collective with sums by hand: on goroutines, and on what launchers are installed.
func TestCollectives(t *testing.T) {
	if os.Getenv("SELFSUP_TEST_RANK") != "" { // a rank of those below
		j, err := comm.Noticed()
		if err != nil {
			t.Fatal(err)
		}
		c, err := mpi.Open(j)
		if err != nil {
			t.Fatal(err)
		}
		if err := collectives(c); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("rank %d of %d by %s is through\n", c.Rank(), c.Size(), c.About())
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Run("goroutines", func(t *testing.T) {
		for _, n := range []int{1, 2, 3, 4} {
			for r, err := range commtest.Run(n, collectives) {
				if err != nil {
					t.Errorf("rank %d of %d: %v", r, n, err)
				}
			}
		}
	})
	for name, args := range launchers(3) {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(args[0]); err != nil {
				t.Skipf("%s is not installed: this library of MPI is not tried", args[0])
			}
			cmd := exec.Command(args[0], append(args[1:], os.Args[0], "-test.run=^TestCollectives$")...)
			cmd.Env = append(os.Environ(), "SELFSUP_TEST_RANK=1")
			out, err := cmd.CombinedOutput()
			if n := strings.Count(string(out), "is through"); err != nil || n != 3 {
				t.Fatalf("%v: %d ranks came through, want 3:\n%s", err, n, out)
			}
			at := strings.Index(string(out), "rank ")
			t.Log(strings.SplitN(string(out)[at:], "\n", 2)[0])
		})
	}
}

func collectives(c comm.Comm) error {
	n, me := c.Size(), c.Rank()
	l := comm.NewLine(c)
	// value i of rank r is r+1 in the place i, times i.
	x := make([]float32, 1000)
	y, z := make([]float64, 5), make([]float64, 3)
	fill := func() {
		for i := range x {
			x[i] = float32((me + 1) * i)
		}
		for i := range y {
			y[i] = float64((me + 1) * i)
		}
	}
	all := n * (n + 1) / 2
	for _, alone := range []bool{false, true} {
		l.Alone = alone
		fill()
		a, b := comm.NewTicket(), comm.NewTicket()
		l.Start(x[:500], a)
		l.Start(x[500:], b)
		if err := l.Do(func(c comm.Comm) error { return c.Sum64(y) }); err != nil {
			return err
		}
		if err := l.Wait(b); err != nil {
			return err
		}
		if err := l.Wait(a); err != nil {
			return err
		}
		for i, v := range x {
			if v != float32(all*i) {
				return fmt.Errorf("sum %d is %v, want %d", i, v, all*i)
			}
		}
		for i, v := range y {
			if v != float64(all*i) {
				return fmt.Errorf("float64 sum %d is %v, want %d", i, v, all*i)
			}
		}
	}
	z[0], z[1], z[2] = float64(me), -float64(me), math.Inf(-1)
	if err := c.Max(z); err != nil {
		return err
	}
	if z[0] != float64(n-1) || z[1] != 0 || !math.IsInf(z[2], -1) {
		return fmt.Errorf("largest are %v, want %d, 0 and -Inf", z, n-1)
	}
	got, want := make([]byte, 2*n), ""
	for r := range n {
		want += string([]byte{byte('a' + r), '!'})
	}
	if err := c.Gather(got, []byte{byte('a' + me), '!'}); err != nil || string(got) != want {
		return fmt.Errorf("gathered %q, want %q: %v", got, want, err)
	}
	src, dst := make([]float32, 2*n), make([]float32, 2)
	src64, dst64 := make([]float64, n), make([]float64, 1)
	for i := range src {
		src[i] = float32((me + 1) * i)
	}
	for i := range src64 {
		src64[i] = float64((me + 1) * i)
	}
	if err := c.Scatter32(dst, src); err != nil || dst[0] != float32(all*2*me) || dst[1] != float32(all*(2*me+1)) {
		return fmt.Errorf("scattered %v, want %d and %d: %v", dst, all*2*me, all*(2*me+1), err)
	}
	if err := c.Scatter64(dst64, src64); err != nil || dst64[0] != float64(all*me) {
		return fmt.Errorf("scattered float64 %v, want %d: %v", dst64, all*me, err)
	}
	word := []byte{byte('7' + me)}
	if err := c.Broadcast(word); err != nil || string(word) != "7" {
		return fmt.Errorf("broadcast %q, want 7: %v", word, err)
	}
	return c.Barrier()
}

// TestAbort ends the other ranks' collectives.
func TestAbort(t *testing.T) {
	errs := commtest.Run(3, func(c comm.Comm) error {
		if c.Rank() == 1 {
			c.Abort(1)
			return nil
		}
		return c.Barrier()
	})
	if errs[0] != commtest.ErrAborted || errs[2] != commtest.ErrAborted {
		t.Errorf("the others got %v, want the word that a rank called Abort", errs)
	}
}

package sweep

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/internal/called"
)

// Pool trains the points of a sweep in processes of their own, some at a time. Several pools, and tasks of arrays, may
// work on one sweep: a point is claimed first, and the claim is the process's that trains it, so that it outlives a
// pool that is killed and ends with the last that works on it.
type Pool struct {
	*Sweep
	Jobs     int
	Program  []string // command that the words "run RECIPE ..." follow
	Messages io.Writer
	Stop     <-chan experiment.Request // a request is passed on to the processes, and no more are begun

	done, skipped int
	failed        []string
	running       map[int]*child
	waited        map[int]bool // points that another process trained meanwhile
	ended         chan *child
}

// child is a process that trains a point.
type child struct {
	Point
	cmd   *exec.Cmd
	claim *folder.Claim
	said  *os.File // its messages
	from  int64    // where in the file
	err   error    // of its end
}

// again is how long a pool waits before it looks again at points that other processes train.
const again = time.Second

// Run trains every point that is not done. Points that fail do not keep the others from theirs: they are a FailedError
// at the end, and tried again by the next Run. Points that other processes train are waited for; those that these leave
// unfinished are gone on with.
func (p *Pool) Run() error {
	queue, elsewhere := p.Points, []Point(nil)
	p.running, p.waited, p.ended = map[int]*child{}, map[int]bool{}, make(chan *child)
	var asked experiment.Request
	look := time.NewTicker(again)
	defer look.Stop()
	waits := false
	for {
		for asked == 0 && len(queue) > 0 && len(p.running) < p.Jobs {
			point := queue[0]
			queue = queue[1:]
			busy, err := p.begin(point)
			if err != nil {
				p.fail(point, err.Error())
			} else if busy {
				p.waited[point.Index] = true
				elsewhere = append(elsewhere, point)
			}
		}
		if len(p.running) == 0 && (asked != 0 || len(queue)+len(elsewhere) == 0) {
			break
		}
		if len(p.running) == 0 && len(queue) == 0 && !waits {
			waits = true
			p.say("waits for %d points that other processes train", len(elsewhere))
		}
		select {
		case c := <-p.ended:
			p.end(c)
		case q := <-p.Stop:
			asked = q
			p.say("%s: %d processes save and stop", q, len(p.running))
			for _, c := range p.running {
				signal(c.cmd.Process, q)
			}
		case <-look.C:
			queue, elsewhere = append(queue, elsewhere...), nil
		}
	}
	switch {
	case asked != 0:
		return &StoppedError{Sweep: p.Sweep, Request: asked, Done: p.done + p.skipped}
	case len(p.failed) > 0:
		return &FailedError{Sweep: p.Sweep, Failed: p.failed}
	}
	p.say("all %d points are done, %d of them now; they are in %s", len(p.Points), p.done,
		filepath.Join(p.Dir, runsDir))
	return nil
}

func (p *Pool) say(format string, args ...any) {
	fmt.Fprintf(p.Messages, "sweep: "+format+"\n", args...)
}

// begin starts a process for a point, unless it is done. It is busy if another process has it.
func (p *Pool) begin(point Point) (busy bool, err error) {
	if p.Sweep.done(point) {
		p.skipped++
		return false, nil
	}
	if why, failed := p.failure(point); failed && p.waited[point.Index] { // there, and not long ago
		return false, errors.New(why)
	}
	claim, err := p.claim(point)
	var used *folder.InUseError
	if errors.As(err, &used) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if p.Sweep.done(point) { // by whoever had the claim
		p.skipped++
		return false, claim.Release()
	}
	c := &child{Point: point, claim: claim}
	if err := p.start(c); err != nil {
		return false, errors.Join(err, claim.Release())
	}
	p.running[point.Index] = c
	p.say("point %d begins: %s", point.Index, point)
	go func() {
		c.err = c.cmd.Wait()
		p.ended <- c
	}()
	return false, nil
}

// start starts a point's process: the command that begins a run or goes on with it.
func (p *Pool) start(c *child) (err error) {
	said := p.file(saidDir, c.Point)
	if err := os.MkdirAll(filepath.Dir(said), 0o777); err != nil {
		return err
	}
	if c.said, err = os.OpenFile(said, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
		return err
	}
	if c.from, err = c.said.Seek(0, io.SeekEnd); err == nil {
		words := append(p.Program[1:len(p.Program):len(p.Program)], p.Command(c.Point)...)
		c.cmd = exec.Command(p.Program[0], words...)
		c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
		alone(c.cmd, c.claim.File())
		err = c.cmd.Start()
	}
	if err != nil {
		return errors.Join(err, c.said.Close())
	}
	return nil
}

// Command is the words that begin the run of a point, go on with it, or do nothing where it is done.
func (s *Sweep) Command(p Point) []string {
	return []string{"run", p.Recipe, "--paths", s.Paths, "--run-dir", p.Run, "--resume"}
}

// end takes the end of a point's process.
func (p *Pool) end(c *child) {
	delete(p.running, c.Index)
	tail := c.tail()
	switch code := c.cmd.ProcessState.ExitCode(); {
	case p.Sweep.done(c.Point):
		p.done++
		p.say("point %d is done (%d of %d): %s", c.Index, p.done+p.skipped, len(p.Points), p.result(c.Point))
	case code == saved || code == 128+1 || code == 128+2 || code == 128+15:
		p.say("point %d is saved", c.Index)
	default:
		p.fail(c.Point, fmt.Sprintf("%s: %s", c.cmd.ProcessState, tail))
	}
	if err := errors.Join(c.said.Close(), c.claim.Release()); err != nil {
		p.say("point %d: %v", c.Index, err)
	}
}

// saved is the status of a run that saved at SIGUSR1.
const saved = 5

// fail notes that a point failed.
func (p *Pool) fail(point Point, why string) {
	line := fmt.Sprintf("point %d failed (%s): %s", point.Index, point, why)
	if err := p.Sweep.fail(point, why); err != nil {
		line += fmt.Sprintf(" (%v)", err)
	}
	p.failed = append(p.failed, line)
	p.say("%s", line)
}

// result is a point's first result.
func (p *Pool) result(point Point) string {
	sum, err := experiment.ReadSummary(point.Run)
	if err != nil || sum == nil || len(sum.Evaluations) == 0 {
		return point.Run
	}
	e := sum.Evaluations[0]
	return fmt.Sprintf("%s %.4f", e.Label(), e.Value)
}

// tail is the last line that a process said.
func (c *child) tail() string {
	const most = 4096
	end, err := c.said.Seek(0, io.SeekEnd)
	if err != nil {
		return err.Error()
	}
	from := max(c.from, end-most)
	text := make([]byte, end-from)
	if _, err := c.said.ReadAt(text, from); err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// FailedError are points of a sweep that failed.
type FailedError struct {
	*Sweep
	Failed []string
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("sweep: %d of %d points failed:\n  %s\nwhat they said is in %s; tried again by: %s",
		len(e.Failed), len(e.Points), strings.Join(e.Failed, "\n  "), filepath.Join(e.Dir, saidDir),
		called.Line("sweep", "run", e.Dir))
}

// StoppedError is a pool that ended early on request, with everything saved.
type StoppedError struct {
	*Sweep
	experiment.Request
	Done int // points
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("sweep: stopped by %s, %d of %d points are done; gone on with by: %s", e.Request, e.Done,
		len(e.Points), called.Line("sweep", "run", e.Dir))
}

// Unwrap gives the reason as a run does, which has an exit status.
func (e *StoppedError) Unwrap() error { return &experiment.Stopped{Reason: e.Request} }

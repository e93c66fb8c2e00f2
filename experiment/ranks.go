package experiment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"selfsup/experiment/folder"
	"selfsup/experiment/report"
	"selfsup/graph/comm"
	"selfsup/graph/spread"
)

// A run on several processes, the ranks of a job: each does the whole run on its rows of every batch, and comes to the
// same Store. Rank 0 writes the run folder; the others write into a folder of their own that goes away.

// Ranks are the processes of a job, as one of them sees them.
type Ranks struct {
	*comm.Line
	peers []peer
	log   io.Writer              // where what becomes of the others is told
	dir   atomic.Pointer[string] // the run folder
	own   atomic.Pointer[string] // this rank's copy of it; nil: it has none
	over  atomic.Bool            // processes may end
	ended atomic.Bool            // this one has said why it ends
}

// peer is where a rank runs.
type peer struct {
	host string
	pid  int
}

// textBytes is the room for what a rank tells all others.
const textBytes = 2048

// Join meets the other ranks of a job, and looks after those on the same machine from then on: one that is gone ends
// this process, with a message and in run.json.
func Join(c comm.Comm, log io.Writer) (*Ranks, error) {
	r := &Ranks{Line: comm.NewLine(c), log: log}
	host, _ := os.Hostname()
	all, err := r.tell(fmt.Sprintf("%d %s", os.Getpid(), host))
	if err != nil {
		return nil, err
	}
	for _, text := range all {
		var p peer
		fmt.Sscan(text, &p.pid, &p.host)
		r.peers = append(r.peers, p)
	}
	go r.watch()
	return r, nil
}

// tell gives every rank the texts of all, cut where they are long.
func (r *Ranks) tell(text string) (all []string, err error) {
	own, got := make([]byte, textBytes), make([]byte, textBytes*r.Size())
	copy(own, text)
	if err := r.Do(func(c comm.Comm) error { return c.Gather(got, own) }); err != nil {
		return nil, err
	}
	for b := range slices.Chunk(got, textBytes) {
		all = append(all, string(bytes.TrimRight(b, "\x00")))
	}
	return all, nil
}

// Agreed is an error that all ranks know of, so that they end together.
type Agreed struct {
	Rank int // whose error it is; -1: of all
	Err  error
}

func (e *Agreed) Error() string { return e.Err.Error() }
func (e *Agreed) Unwrap() error { return e.Err }

// agree makes an error of one rank one of all: that rank has it as it is, the others in words. Without ranks it is the
// error.
func (r *Ranks) agree(own error) error {
	if r == nil {
		return own
	}
	text := ""
	if own != nil {
		text = "x" + own.Error()
	}
	all, err := r.tell(text)
	if err != nil {
		return errors.Join(own, err)
	}
	first := slices.IndexFunc(all, func(text string) bool { return text != "" })
	switch {
	case own != nil:
		return &Agreed{r.Rank(), own}
	case first >= 0:
		return &Agreed{first, fmt.Errorf("rank %d: %s", first, all[first][1:])}
	}
	return nil
}

// same is an error where a rank's value of something differs from rank 0's.
func (r *Ranks) same(what []string, values []string) error {
	for i, v := range values {
		all, err := r.tell(v)
		if err != nil {
			return err
		}
		for rank, other := range all {
			if other != all[0] {
				return &Agreed{-1, fmt.Errorf("rank %d has another %s than rank 0: %s there, %s here; every rank of a "+
					"job runs the same program and recipe on the same data", rank, what[i], orNone(other),
					orNone(all[0]))}
			}
		}
	}
	return nil
}

// watch looks after the ranks on this machine.
func (r *Ranks) watch() {
	for !r.over.Load() {
		time.Sleep(200 * time.Millisecond)
		if gone := r.gone(); len(gone) > 0 && !r.over.Load() {
			r.End("")
		}
	}
}

// gone lists the ranks on this machine whose process has ended.
func (r *Ranks) gone() (ranks []int) {
	for i, p := range r.peers {
		if p.host == r.peers[r.Rank()].host && i != r.Rank() && !alive(p.pid) {
			ranks = append(ranks, i)
		}
	}
	return ranks
}

// Statuses of processes that End ends.
const (
	statusLost       = 1
	statusTerminated = 143
)

// End ends this process at once, because a signal says so or because another rank is gone: the others wait for it in
// vain, and a launcher leaves them a second. It says why, and the lowest rank that is left says so in run.json.
func (r *Ranks) End(signal string) {
	if r.ended.Swap(true) {
		return
	}
	gone := r.gone()
	if signal != "" && len(gone) == 0 { // mpirun tells the survivors before its own word of the dead is seen here
		time.Sleep(100 * time.Millisecond)
		gone = r.gone()
	}
	said, state, status := fmt.Sprintf("stopped by %s at once; the newest checkpoint counts", signal), "interrupted",
		statusTerminated
	if len(gone) > 0 {
		said, state, status = fmt.Sprintf("rank %s of %d is gone, and the others cannot go on without it; the newest "+
			"checkpoint counts", strings.Trim(fmt.Sprint(gone), "[]"), r.Size()), "failed", statusLost
	}
	lowest := 0
	for slices.Contains(gone, lowest) {
		lowest++
	}
	if dir := r.dir.Load(); dir != nil && r.Rank() == lowest {
		if s, err := ReadStatus(*dir); err == nil && s.State == "running" {
			s.State, s.Error = state, said
			_ = s.write(&folder.Folder{Path: *dir}) // there is nobody to tell
		}
		if log, err := report.OpenMessages(filepath.Join(*dir, messagesFile)); err == nil {
			log.Say("%s", said)
			log.Close()
		}
	}
	if own := r.own.Load(); own != nil {
		_ = os.RemoveAll(*own)
	}
	fmt.Fprintf(r.log, "rank %d: %s\n", r.Rank(), said)
	os.Exit(status)
}

// Leave ends the talk: in good order after a run that ended alike on all ranks, else by ending the others.
func (r *Ranks) Leave(err error, status int) {
	var agreed *Agreed
	var stop *Stopped
	var nan *DivergedError
	if err == nil || errors.As(err, &agreed) || errors.As(err, &stop) || errors.As(err, &nan) {
		done := make(chan error, 1)
		r.over.Store(true)
		go func() { done <- r.Do(func(c comm.Comm) error { return errors.Join(c.Barrier(), c.Close()) }) }()
		select {
		case <-done:
			return
		case <-time.After(10 * time.Second):
		}
	}
	r.over.Store(true)
	r.Line.Comm.Abort(status)
}

// Lead reports whether this process writes and speaks for all.
func (r *Ranks) Lead() bool { return r == nil || r.Rank() == 0 }

// line is the ranks' line; nil without ranks.
func (r *Ranks) line() *comm.Line {
	if r == nil {
		return nil
	}
	return r.Line
}

// inFolder opens the run folder on rank 0 and a copy of what is in it on the others, which see its checkpoints. done
// closes it.
func (r *Ranks) inFolder(open func() (*folder.Folder, error)) (f *folder.Folder, done func(), err error) {
	if r.Lead() {
		if f, err = open(); err == nil {
			done = func() { f.Close() }
		}
	}
	if r == nil {
		return f, done, err
	}
	path := ""
	if err == nil && r.Lead() {
		if path, err = filepath.Abs(f.Path); err != nil {
			path = f.Path
		}
	}
	if err := r.agree(err); err != nil {
		return nil, nil, err
	}
	all, err := r.tell(path)
	if err != nil {
		return nil, nil, err
	}
	r.dir.Store(&all[0])
	if !r.Lead() {
		f, err = followed(all[0])
		if err == nil {
			r.own.Store(&f.Path)
			done = func() { os.RemoveAll(f.Path) }
		}
	}
	return f, done, r.agree(err)
}

// followed is a folder of a rank's own with a copy of another's files, and a link to its checkpoints.
func followed(of string) (*folder.Folder, error) {
	dir, err := os.MkdirTemp("", "experiment-rank-")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(of)
	if err != nil {
		return nil, fmt.Errorf("the run folder of rank 0: %w; every rank reads its checkpoints there", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == "lock" || strings.HasPrefix(e.Name(), "events.") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(of, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, e.Name()), text, 0o666)
		}
		if err != nil {
			return nil, err
		}
	}
	return &folder.Folder{Path: dir}, os.Symlink(filepath.Join(of, checkpointDir), filepath.Join(dir, checkpointDir))
}

// spread is how the training step is dealt out.
func (s *Setup) spread() spread.Ranks {
	if s.Ranks == nil {
		return spread.Ranks{}
	}
	return spread.Ranks{Rank: s.Ranks.Rank(), Size: s.Ranks.Size()}
}

// checkRanks checks that every rank has as many samples of a batch.
func (s *Setup) checkRanks() error {
	if s.Ranks == nil {
		return nil
	}
	n, t := s.Ranks.Size(), s.Recipe.Train
	each := s.batchParts()
	if t.Batch%(n*each) == 0 {
		return nil
	}
	parts := ""
	if t.Accumulate > 1 {
		parts = fmt.Sprintf(" in each of its %d parts, see train.accumulate", each)
	}
	if t.GradCache > 1 {
		parts = fmt.Sprintf(" in each of its %d parts, see train.grad_cache", each)
	}
	return s.Recipe.Result.Bad("train.batch", "%d is the batch of all ranks together and does not divide by %d "+
		"ranks%s; want a multiple of %d", t.Batch, n, parts, n*each)
}

// meet checks that the ranks run the same program on the same recipe and data, and on the same kernels.
func (s *Setup) meet(o Options) error {
	if o.Ranks == nil {
		return nil
	}
	e := report.ReadEnvironment(s.Device.About())
	data := ""
	if s.fingerprint != nil {
		data = s.fingerprint.Images
	}
	return o.Ranks.same([]string{"build of the program", "recipe", "instruction set", "architecture", "data (digest)"},
		[]string{e.Binary + " " + e.Revision, s.Recipe.ID(), e.Kernels, e.Arch, data})
}

// begin is what comes before a step on several ranks: each has its batch, or none goes on, and they agree on whether
// the run stops behind it.
func (r *run) begin(ctx context.Context, step int, in *supply) error {
	ranks := r.Options.Ranks
	if ranks == nil {
		return nil
	}
	r.talked.spent0, r.talked.waited0 = ranks.Seconds()
	err := in.fetch(ctx, step)
	asked := 0.0
	select {
	case q := <-r.Options.Stop:
		asked = float64(q)
	default:
	}
	word := []float64{0, asked}
	if err != nil {
		word[0] = 1
	}
	if err := ranks.Do(func(c comm.Comm) error { return c.Max(word) }); err != nil {
		return err
	}
	r.agreed = Request(word[1])
	if word[0] > 0 {
		return ranks.agree(err)
	}
	return nil
}

// requests are those that a run looks for beside its steps; on several ranks there are none, they agree before a step.
func (r *run) requests() <-chan Request {
	if r.Options.Ranks != nil {
		return nil
	}
	return r.Stop
}

// compareEvery is how many steps lie between two comparisons of the ranks' Stores.
const compareEvery = 100

// compare is an error that names the first entry of the Store in which a rank differs from rank 0. By then nothing of
// the difference is in a checkpoint.
func (r *run) compare(done int) error {
	ranks := r.Options.Ranks
	if ranks == nil {
		return nil
	}
	names := r.Store.Names()
	own := make([]byte, 4*len(names))
	table := crc32.MakeTable(crc32.Castagnoli)
	for i, name := range names {
		a := r.Store.Get(name).Array
		var b []byte
		switch {
		case len(a.F32) > 0:
			b = unsafe.Slice((*byte)(unsafe.Pointer(&a.F32[0])), 4*len(a.F32))
		case len(a.I32) > 0:
			b = unsafe.Slice((*byte)(unsafe.Pointer(&a.I32[0])), 4*len(a.I32))
		}
		sum := crc32.Checksum(b, table)
		copy(own[4*i:], []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
	}
	all := make([]byte, len(own)*ranks.Size())
	if err := ranks.Do(func(c comm.Comm) error { return c.Gather(all, own) }); err != nil {
		return err
	}
	for rank := 1; rank < ranks.Size(); rank++ {
		theirs := all[rank*len(own):][:len(own)]
		for i, name := range names {
			if !bytes.Equal(theirs[4*i:4*i+4], all[4*i:4*i+4]) {
				return &Agreed{-1, fmt.Errorf("train: after step %d %s of rank %d differs from rank 0's: the ranks "+
					"have not computed the same, which a fault of memory or of the network can do; resume from the "+
					"newest checkpoint", done, name, rank)}
			}
		}
	}
	return nil
}

// shareBlocks brings blocks together of which each rank made every so-many-th: x is in blocks of size, and those of
// this rank are filled.
func (s *Setup) shareBlocks(x []float32, size int) error {
	ranks := s.Ranks.Size()
	blocks := (len(x) + size - 1) / size
	each := (blocks + ranks - 1) / ranks
	own, all := make([]float32, each*size), make([]float32, each*size*ranks)
	block := func(b int) []float32 { return x[b*size : min((b+1)*size, len(x))] }
	for i := range each {
		if b := i*ranks + s.Ranks.Rank(); b < blocks {
			copy(own[i*size:], block(b))
		}
	}
	bytesOf := func(x []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)) }
	if err := s.Ranks.Do(func(c comm.Comm) error { return c.Gather(bytesOf(all), bytesOf(own)) }); err != nil {
		return err
	}
	for b := range blocks {
		copy(block(b), all[((b%ranks)*each+b/ranks)*size:])
	}
	return nil
}

// talked is the time of the steps that this rank spent in collectives, and that its computing waited for them, in
// seconds; and both counts when the step began.
type talked struct{ spent, waited, spent0, waited0 float64 }

// listen adds the talk of a step.
func (r *run) listen() {
	if r.Options.Ranks != nil {
		spent, waited := r.Options.Ranks.Seconds()
		r.talked.spent += spent - r.talked.spent0
		r.talked.waited += waited - r.talked.waited0
	}
}

// talk says how much of the training the ranks talked.
func (r *run) talk() {
	if all := r.clock.training; r.Options.Ranks != nil && all > 0 {
		r.progress.Say("communication: sums and rows of other ranks took %.1f s of %.1f s (%.0f%%), and for %.1f s "+
			"(%.0f%%) the computing waited", r.talked.spent, all, 100*r.talked.spent/all, r.talked.waited,
			100*r.talked.waited/all)
	}
}

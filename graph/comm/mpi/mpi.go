//go:build linux || darwin

package mpi

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"selfsup/graph/comm"
)

// mpi is a library of MPI that was opened.
type mpi struct {
	abi
	about      string
	text       any // behind about
	rank, size int
	numbers    [4]int32 // that the library writes: they must not lie on a stack, which can move

	allreduce, allgather, scatter, broadcast, barrier, abort, finalize uintptr
}

// serialized is MPI_THREAD_SERIALIZED: calls come from several threads, never two at once.
const serialized = 2

// versionBytes is the size of the text of MPI_Get_library_version in the MPI 5 ABI, the longest; MPICH writes 2 kB.
const versionBytes = 8192

// Open joins the other ranks of a job that was noticed, by the library of MPI that goes with the launcher. SELFSUP_MPI
// names another file.
func Open(j comm.Job) (comm.Comm, error) {
	var tried []string
	for _, f := range ordered(j) {
		tried = append(tried, f.files...)
	}
	if own := os.Getenv("SELFSUP_MPI"); own != "" {
		tried = []string{own}
	}
	var first error
	for _, file := range tried {
		// Plug-ins of Open MPI look their symbols up in what is loaded: the library's are for all.
		lib, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		return start(file, lib)
	}
	return nil, fmt.Errorf("mpi: %s says that this is one of several processes, but no library of MPI could be "+
		"opened, of %s: %w; SELFSUP_MPI can name the file", j.By, strings.Join(tried, ", "), first)
}

// start makes a library that was opened ready.
func start(file string, lib uintptr) (comm.Comm, error) {
	m := &mpi{}
	var version, initThread, rank, size uintptr
	for _, f := range []struct {
		to   *uintptr
		name string
	}{
		{&version, "MPI_Get_library_version"}, {&initThread, "MPI_Init_thread"}, {&rank, "MPI_Comm_rank"},
		{&size, "MPI_Comm_size"}, {&m.allreduce, "MPI_Allreduce"}, {&m.allgather, "MPI_Allgather"},
		{&m.scatter, "MPI_Reduce_scatter_block"}, {&m.broadcast, "MPI_Bcast"}, {&m.barrier, "MPI_Barrier"},
		{&m.abort, "MPI_Abort"}, {&m.finalize, "MPI_Finalize"},
	} {
		var err error
		if *f.to, err = purego.Dlsym(lib, f.name); err != nil {
			return nil, fmt.Errorf("mpi: %s is no library of MPI: %w", file, err)
		}
	}
	text := &struct{ b [versionBytes]byte }{}
	m.text = text
	call(version, at(text.b[:]), at(m.numbers[:]))
	m.about = strings.TrimRight(string(text.b[:max(0, min(int(m.numbers[0]), len(text.b)))]), "\x00\n ")
	of, err := familyOf(file, m.about)
	if err != nil {
		return nil, err
	}
	if m.abi, err = of.handles(func(name string) (uintptr, error) { return purego.Dlsym(lib, name) }); err != nil {
		return nil, fmt.Errorf("mpi: %s: %w", file, err)
	}
	if err := result("MPI_Init_thread", call(initThread, 0, 0, serialized, at(m.numbers[1:]))); err != nil {
		return nil, err
	}
	if level := m.numbers[1]; level < serialized {
		return nil, fmt.Errorf("mpi: %s grants threads at level %d, want %d, MPI_THREAD_SERIALIZED", m.About(), level,
			serialized)
	}
	call(rank, m.world, at(m.numbers[2:]))
	call(size, m.world, at(m.numbers[3:]))
	m.rank, m.size = int(m.numbers[2]), int(m.numbers[3])
	return m, nil
}

// call calls a C function that returns an int.
func call(f uintptr, args ...uintptr) int32 {
	r, _, _ := purego.SyscallN(f, args...)
	return int32(r)
}

func result(what string, code int32) error {
	if code != 0 {
		return fmt.Errorf("mpi: %s failed with code %d", what, code)
	}
	return nil
}

func (m *mpi) Rank() int { return m.rank }
func (m *mpi) Size() int { return m.size }

// About is the first line of what the library calls itself, without what packagers add.
func (m *mpi) About() string {
	first, _, _ := strings.Cut(m.about, "\n")
	first, _, _ = strings.Cut(first, ", package")
	return strings.Join(strings.Fields(first), " ")
}

func at[T any](x []T) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(x))) }

// reduce is an all-reduce in place.
func reduce[T any](m *mpi, x []T, kind, how uintptr) error {
	if len(x) == 0 {
		return nil
	}
	code := call(m.allreduce, m.inPlace, at(x), uintptr(len(x)), kind, how, m.world)
	runtime.KeepAlive(x)
	return result("MPI_Allreduce", code)
}

func (m *mpi) Sum32(x []float32) error { return reduce(m, x, m.float, m.sum) }
func (m *mpi) Sum64(x []float64) error { return reduce(m, x, m.double, m.sum) }
func (m *mpi) Max(x []float64) error   { return reduce(m, x, m.double, m.most) }

func (m *mpi) Gather(dst, src []byte) error {
	if len(dst) != len(src)*m.size {
		return fmt.Errorf("mpi: %d bytes of each of %d ranks into %d", len(src), m.size, len(dst))
	}
	n := uintptr(len(src))
	code := call(m.allgather, at(src), n, m.bytes, at(dst), n, m.bytes, m.world)
	runtime.KeepAlive(dst)
	runtime.KeepAlive(src)
	return result("MPI_Allgather", code)
}

// scatter is a reduce-scatter of equal parts.
func scatter[T any](m *mpi, dst, src []T, kind uintptr) error {
	if len(src) != len(dst)*m.size {
		return fmt.Errorf("mpi: %d sums for %d ranks with %d each", len(src), m.size, len(dst))
	}
	code := call(m.scatter, at(src), at(dst), uintptr(len(dst)), kind, m.sum, m.world)
	runtime.KeepAlive(dst)
	runtime.KeepAlive(src)
	return result("MPI_Reduce_scatter_block", code)
}

func (m *mpi) Scatter32(dst, src []float32) error { return scatter(m, dst, src, m.float) }
func (m *mpi) Scatter64(dst, src []float64) error { return scatter(m, dst, src, m.double) }

func (m *mpi) Broadcast(b []byte) error {
	code := call(m.broadcast, at(b), uintptr(len(b)), m.bytes, 0, m.world)
	runtime.KeepAlive(b)
	return result("MPI_Bcast", code)
}

func (m *mpi) Barrier() error   { return result("MPI_Barrier", call(m.barrier, m.world)) }
func (m *mpi) Abort(status int) { call(m.abort, m.world, uintptr(status)) }
func (m *mpi) Close() error     { return result("MPI_Finalize", call(m.finalize)) }

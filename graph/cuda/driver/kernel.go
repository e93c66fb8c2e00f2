//go:build gpu && cgo

package driver

// #include "shim.h"
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"selfsup/graph/cuda"
)

// logBytes is how much of what the driver's compiler says is kept.
const logBytes = 4096

type module struct {
	d    *device
	name string
	m    cu.Module
}

// Load implements cuda.Driver.
func (d *device) Load(name, ptx string) (cuda.Module, error) {
	leave, err := d.enter()
	defer leave()
	if err != nil {
		return nil, failed(name, err)
	}
	text := C.CString(ptx)
	defer C.free(unsafe.Pointer(text))
	log := (*C.char)(C.calloc(1, logBytes))
	defer C.free(unsafe.Pointer(log))
	var loaded C.CUmodule
	if r := C.driver_load(&loaded, text, log, logBytes-1); r != 0 {
		return nil, refused(name, result(r), C.GoString(log))
	}
	// A module of package cu is the driver's handle, which it has no constructor for.
	m := module{d, name, *(*cu.Module)(unsafe.Pointer(&loaded))}
	d.modules[m.m] = true
	return m, nil
}

// Unload implements cuda.Module.
func (m module) Unload() error {
	delete(m.d.modules, m.m)
	return m.d.do(m.name+" given back", func() error { return m.m.Unload() })
}

type kernel struct {
	d    *device
	name string
	f    cu.Function
}

// Kernel implements cuda.Module.
func (m module) Kernel(name string) (cuda.Kernel, error) {
	k := &kernel{d: m.d, name: name}
	err := m.d.do(fmt.Sprintf("kernel %s of %s", name, m.name), func() (err error) {
		k.f, err = m.m.Function(name)
		return err
	})
	return k, err
}

// Allow implements cuda.Kernel.
func (k *kernel) Allow(shared int) error {
	if shared > k.d.about.SharedPerBlock {
		return fmt.Errorf("%d bytes of shared memory are too many for %s, whose blocks have %d at most", shared,
			k.d.about.Name, k.d.about.SharedPerBlock)
	}
	return k.d.do(fmt.Sprintf("%d bytes of shared memory for %s", shared, k.name), func() error {
		return of(C.driver_allow(*(*C.CUfunction)(unsafe.Pointer(&k.f)), C.int(shared)))
	})
}

// Resources implements cuda.Kernel.
func (k *kernel) Resources() (r cuda.Resources, err error) {
	err = k.d.do("what kernel "+k.name+" takes", func() error {
		for _, x := range []struct {
			to        *int
			attribute cu.FunctionAttribute
		}{{&r.Registers, cu.NumRegs}, {&r.Shared, cu.SharedSizeBytes}, {&r.Local, cu.LocalSizeBytes},
			{&r.Threads, cu.FnMaxThreadsPerBlock}} {
			var err error
			if *x.to, err = k.f.Attribute(x.attribute); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// Launch implements cuda.Driver. Package cu copies the parameters, 8 bytes each.
func (d *device) Launch(s cuda.Stream, l cuda.Launch) error {
	args := make([]unsafe.Pointer, len(l.Args))
	for i := range l.Args {
		args[i] = unsafe.Pointer(&l.Args[i])
	}
	g, b := l.Grid, l.Block
	what := fmt.Sprintf("a launch of %v blocks of %v threads with %d bytes of shared memory", g, b, l.Shared)
	return d.do(what, func() error {
		return l.Kernel.(*kernel).f.Launch(g[0], g[1], g[2], b[0], b[1], b[2], l.Shared, d.stream(s), args)
	})
}

// graph is a captured step.
type graph struct {
	d     *device
	exec  C.CUgraphExec
	nodes int
}

// Capture implements cuda.Driver.
func (d *device) Capture(queue func() error) (cuda.Graph, error) {
	leave, err := d.enter()
	defer leave()
	if err == nil {
		err = of(C.driver_capture_begin(d.raw(cuda.Work)))
	}
	if err != nil {
		return nil, failed("capturing a step", err)
	}
	first := queue()
	g := &graph{d: d}
	var nodes C.size_t
	err = of(C.driver_capture_end(d.raw(cuda.Work), &g.exec, &nodes))
	if first != nil {
		if err == nil {
			g.Destroy()
		}
		return nil, first
	}
	g.nodes = int(nodes)
	return g, failed("the captured step", err)
}

// Launch implements cuda.Graph.
func (g *graph) Launch() error {
	return g.d.do("a step", func() error { return of(C.driver_graph_launch(g.exec, g.d.raw(cuda.Work))) })
}

// Nodes implements cuda.Graph.
func (g *graph) Nodes() int { return g.nodes }

// Destroy implements cuda.Graph.
func (g *graph) Destroy() error {
	return g.d.do("a step given back", func() error { return of(C.cuGraphExecDestroy(g.exec)) })
}

//go:build gpu && cgo

package driver

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"selfsup/graph/cuda"
)

// start finds the machine's driver, once.
var start = sync.OnceValue(func() error {
	why := make([]byte, 256)
	if r := C.driver_open((*C.char)(unsafe.Pointer(&why[0])), C.size_t(len(why))); r != 0 {
		return startError(result(r), C.GoString((*C.char)(unsafe.Pointer(&why[0]))))
	}
	if v := cu.Version(); v < oldest {
		return oldError(v)
	}
	return nil
})

// Devices describes the GPUs of this machine in the driver's order.
func Devices() ([]cuda.About, error) {
	if err := start(); err != nil {
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, failed("the number of GPUs", err)
	}
	if n == 0 {
		return nil, noDevice()
	}
	all := make([]cuda.About, n)
	for i := range all {
		if all[i], err = about(i); err != nil {
			return nil, failed(fmt.Sprintf("GPU %d", i), err)
		}
	}
	return all, nil
}

// sharedOptIn is the attribute of a device that package cu has no name for: most shared memory of a block, if allowed.
const sharedOptIn cu.DeviceAttribute = C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN

func about(index int) (a cuda.About, err error) {
	d, err := cu.GetDevice(index)
	if err != nil {
		return a, err
	}
	a.Index, a.Driver = index, cu.Version()
	if a.Name, err = d.Name(); err != nil {
		return a, err
	}
	if a.Memory, err = d.TotalMem(); err != nil {
		return a, err
	}
	for _, x := range []struct {
		to        *int
		attribute cu.DeviceAttribute
	}{
		{&a.Major, cu.ComputeCapabilityMajor}, {&a.Minor, cu.ComputeCapabilityMinor},
		{&a.Processors, cu.MultiprocessorCount}, {&a.SharedPerBlock, sharedOptIn}, {&a.ClockKHz, cu.ClockRate},
		{&a.MemoryClockKHz, cu.MemoryClockRate}, {&a.MemoryBits, cu.GlobalMemoryBusWidth},
	} {
		if *x.to, err = d.Attribute(x.attribute); err != nil {
			return a, err
		}
	}
	return a, nil
}

// device is a GPU. The driver's calls act on the context that is current in the thread that makes them, and goroutines
// change threads: each method makes its context current, and stays on its thread until it returns.
type device struct {
	about   cuda.About
	dev     cu.Device
	context cu.CUContext
	streams [2]cu.Stream
	modules map[cu.Module]bool
	events  map[*cu.Event]bool
	blocks  map[cuda.Ptr]bool
	pinned  map[*byte]*runtime.Pinner
}

// Open takes a GPU by its number. Closing it gives back all that was taken of it.
func Open(index int) (cuda.Driver, error) {
	all, err := Devices()
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= len(all) {
		if len(all) == 1 {
			return nil, fmt.Errorf("there is no GPU %d: this machine has one, \"cuda\"", index)
		}
		return nil, fmt.Errorf("there is no GPU %d: this machine has %d, \"cuda:0\" to \"cuda:%d\"", index, len(all),
			len(all)-1)
	}
	a := all[index]
	if a.Major < capability {
		return nil, fmt.Errorf("%s has compute capability %s and the kernels need %d.0 (Volta or newer): use another "+
			"GPU, %s", a.Name, a.Capability(), capability, orProcessor)
	}
	d := &device{about: a, modules: map[cu.Module]bool{}, events: map[*cu.Event]bool{}, blocks: map[cuda.Ptr]bool{},
		pinned: map[*byte]*runtime.Pinner{}}
	if d.dev, err = cu.GetDevice(index); err != nil {
		return nil, failed(a.Name, err)
	}
	if d.context, err = d.dev.RetainPrimaryCtx(); err != nil {
		if number(err) == errOutOfMemory {
			return nil, fmt.Errorf("%s has no memory left to start on: nvidia-smi shows what else uses it", a.Name)
		}
		return nil, failed("a context on "+a.Name, err)
	}
	leave, err := d.enter()
	defer leave()
	for i := range d.streams {
		if err == nil {
			d.streams[i], err = cu.MakeStream(cu.NonBlocking)
		}
	}
	if err != nil {
		d.Close()
		return nil, failed("a stream on "+a.Name, err)
	}
	return d, nil
}

// enter makes the device's context current in a thread that is kept until leave is called.
func (d *device) enter() (leave func(), err error) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread, cu.SetCurrentContext(d.context)
}

// do calls f with the device's context; what names the call in errors.
func (d *device) do(what string, f func() error) error {
	leave, err := d.enter()
	defer leave()
	if err == nil {
		err = f()
	}
	return failed(what, err)
}

// About implements cuda.Driver.
func (d *device) About() cuda.About { return d.about }

// Memory implements cuda.Driver.
func (d *device) Memory() (free, total int64, err error) {
	err = d.do("the free memory", func() (err error) {
		free, total, err = cu.MemInfo()
		return err
	})
	return free, total, err
}

// Alloc implements cuda.Driver.
func (d *device) Alloc(bytes int) (cuda.Ptr, error) {
	var p cu.DevicePtr
	leave, err := d.enter()
	defer leave()
	if err == nil {
		p, err = cu.MemAlloc(int64(bytes))
	}
	if number(err) == errOutOfMemory {
		e := &cuda.MemoryError{Want: int64(bytes), Device: d.about.Name}
		e.Free, _, _ = cu.MemInfo()
		return 0, e
	}
	if err == nil {
		d.blocks[cuda.Ptr(p)] = true
	}
	return cuda.Ptr(p), failed("memory", err)
}

// Free implements cuda.Driver.
func (d *device) Free(p cuda.Ptr) error {
	delete(d.blocks, p)
	return d.do("memory given back", func() error { return cu.MemFree(cu.DevicePtr(p)) })
}

// page is what memory is locked by, in bytes.
const page = 4096

// Host implements cuda.Driver: memory of Go's that the driver locks.
func (d *device) Host(bytes int) ([]byte, error) {
	whole := (bytes + page - 1) / page * page
	m := make([]byte, whole+page-1)
	skip := int(-uintptr(unsafe.Pointer(&m[0])) % page)
	m = m[skip : skip+whole : skip+whole]
	pin := new(runtime.Pinner)
	pin.Pin(&m[0])
	err := d.do("page-locked memory", func() error { return of(C.driver_lock(unsafe.Pointer(&m[0]), C.size_t(whole))) })
	if err != nil {
		pin.Unpin()
		if errors.Is(err, result(errOutOfMemory)) {
			return nil, fmt.Errorf("the machine has no %d MiB of memory to lock for copies to %s: close other "+
				"programs, or use a smaller batch", (bytes+1<<20-1)>>20, d.about.Name)
		}
		return nil, err
	}
	d.pinned[&m[0]] = pin
	return m[:bytes], nil
}

// FreeHost implements cuda.Driver.
func (d *device) FreeHost(b []byte) error {
	pin := d.pinned[&b[0]]
	if pin == nil {
		return errors.New("page-locked memory given back: it was not taken here")
	}
	delete(d.pinned, &b[0])
	defer pin.Unpin()
	return d.do("page-locked memory given back", func() error { return of(C.driver_unlock(unsafe.Pointer(&b[0]))) })
}

// stream is a stream of the driver's.
func (d *device) stream(s cuda.Stream) cu.Stream { return d.streams[s] }

// raw is a stream as the shim takes it.
func (d *device) raw(s cuda.Stream) C.CUstream { return C.CUstream(unsafe.Pointer(d.streams[s].C())) }

// Upload implements cuda.Driver.
func (d *device) Upload(s cuda.Stream, to cuda.Ptr, from []byte) error {
	if len(from) == 0 {
		return nil
	}
	return d.do("a copy to the device", func() error {
		return cu.MemcpyHtoDAsync(cu.DevicePtr(to), unsafe.Pointer(&from[0]), int64(len(from)), d.stream(s))
	})
}

// Download implements cuda.Driver.
func (d *device) Download(s cuda.Stream, to []byte, from cuda.Ptr) error {
	if len(to) == 0 {
		return nil
	}
	return d.do("a copy from the device", func() error {
		return cu.MemcpyDtoHAsync(unsafe.Pointer(&to[0]), cu.DevicePtr(from), int64(len(to)), d.stream(s))
	})
}

// Copy implements cuda.Driver.
func (d *device) Copy(s cuda.Stream, to, from cuda.Ptr, bytes int) error {
	return d.do("a copy on the device", func() error {
		return cu.MemcpyDtoDAsync(cu.DevicePtr(to), cu.DevicePtr(from), int64(bytes), d.stream(s))
	})
}

// Fill implements cuda.Driver.
func (d *device) Fill(s cuda.Stream, to cuda.Ptr, word uint32, words int) error {
	return d.do("memory filled", func() error {
		return cu.MemsetD32Async(cu.DevicePtr(to), uint(word), int64(words), d.stream(s))
	})
}

// Synchronize implements cuda.Driver.
func (d *device) Synchronize(s cuda.Stream) error {
	return d.do("a step on "+d.about.Name, func() error { return d.stream(s).Synchronize() })
}

// Close implements cuda.Driver.
func (d *device) Close() error {
	leave, err := d.enter()
	defer leave()
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	for e := range d.events {
		note(cu.DestroyEvent(e))
	}
	for m := range d.modules {
		note(m.Unload())
	}
	for p := range d.blocks {
		note(cu.MemFree(cu.DevicePtr(p)))
	}
	for p, pin := range d.pinned {
		note(of(C.driver_unlock(unsafe.Pointer(p))))
		pin.Unpin()
	}
	for i, s := range d.streams {
		if s != cu.NoStream {
			note(d.streams[i].Destroy())
		}
	}
	clear(d.events)
	clear(d.modules)
	clear(d.blocks)
	clear(d.pinned)
	note(d.dev.ReleasePrimaryCtx())
	return failed("closing "+d.about.Name, err)
}

// event is an event of the driver's.
type event struct {
	d *device
	e *cu.Event
}

// Event implements cuda.Driver.
func (d *device) Event() (cuda.Event, error) {
	e := new(cu.Event)
	err := d.do("an event", func() (err error) {
		*e, err = cu.MakeEvent(cu.DefaultEvent)
		return err
	})
	if err == nil {
		d.events[e] = true
	}
	return event{d, e}, err
}

// Record implements cuda.Driver.
func (d *device) Record(s cuda.Stream, e cuda.Event) error {
	return d.do("an event", func() error { return e.(event).e.Record(d.stream(s)) })
}

// Wait implements cuda.Driver.
func (d *device) Wait(s cuda.Stream, e cuda.Event) error {
	return d.do("an event", func() error { return d.stream(s).Wait(*e.(event).e, 0) })
}

// Synchronize implements cuda.Event.
func (e event) Synchronize() error {
	return e.d.do("a copy to the device", func() error { return e.e.Synchronize() })
}

// Since implements cuda.Event.
func (e event) Since(from cuda.Event) (time.Duration, error) {
	var ms float64
	err := e.d.do("the time between events", func() (err error) {
		ms, err = from.(event).e.Elapsed(*e.e)
		return err
	})
	return time.Duration(ms * float64(time.Millisecond)), err
}

// Destroy implements cuda.Event.
func (e event) Destroy() error {
	delete(e.d.events, e.e)
	return e.d.do("an event given back", func() error { return cu.DestroyEvent(e.e) })
}

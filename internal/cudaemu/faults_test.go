package cudaemu

import (
	"strings"
	"testing"
)

// Results of the driver that faults end with.
const (
	invalidValue       = 1
	invalidPTX         = 218
	illegalAddress     = 700
	misalignedAddress  = 716
	launchFailed       = 719
	captureUnsupported = 900
	captureInvalidated = 901
	captureIsolation   = 905
	captureImplicit    = 906
)

// Each kernel has one fault, which its launch must end with: the launch itself succeeds, what follows fails, as on a
// GPU, and the report says where and what.
func TestPlantedFaults(t *testing.T) {
	for _, c := range []struct {
		name, launch string
		code         int
		report       []string
		env          []string
	}{
		{"out of bounds", "beyond 1 1 1 64 1 1 0 - p:x p:y", illegalAddress,
			[]string{"kernel beyond, block (0,0,0), thread (63,0,0), ptx line ", "reads 4 bytes of global memory at 0x",
				"0 bytes behind the end of an allocation of 256 bytes"}, nil},
		{"no barrier", "no_barrier 1 1 1 64 1 1 0 - p:x", launchFailed,
			[]string{"races for shared memory", "and nothing orders the two"}, nil},
		{"no warp barrier", "no_warp_barrier 1 1 1 32 1 1 0 - p:x", launchFailed,
			[]string{"races for shared memory", "it reads what thread (1,0,0)"}, nil},
		{"barrier missing at the end of a loop", "one_barrier 1 1 1 64 1 1 0 - p:x i:2", launchFailed,
			[]string{"races for shared memory", "it writes what thread", "has read"}, nil},
		{"blocks write the same place", "same_place 2 1 1 32 1 1 0 - p:x", launchFailed,
			[]string{"races for global memory", "it writes what thread (0,0,0) of block ("}, nil},
		{"a neighbouring block's value", "neighbour 2 1 1 32 1 1 0 - p:x", launchFailed,
			[]string{"races for global memory"}, nil},
		{"misaligned vector", "misaligned 1 1 1 1 1 1 0 - p:x p:y", misalignedAddress,
			[]string{"reads 16 bytes of global memory", "no multiple of 16"}, nil},
		{"a thread leaves before a barrier", "leaves_early 1 1 1 64 1 1 0 - p:x i:40", launchFailed,
			[]string{"waits at barrier 0, but thread (40,0,0) left at ptx line "}, nil},
		{"lanes are missing", "lanes_missing 1 1 1 32 1 1 0 - p:x", launchFailed,
			[]string{"waits for the lanes of its warp that it names, but thread (20,0,0) left at ptx line "}, nil},
		{"beyond shared memory", "shared_beyond 1 1 1 32 1 1 0 - p:x", illegalAddress,
			[]string{"reads 4 bytes of shared memory at 0x80: this launch has 128 bytes"}, nil},
		{"never written", "beyond 1 1 1 32 1 1 0 - p:fresh p:y", launchFailed,
			[]string{"reads 4 bytes of global memory at 0x", "that nobody has written"}, []string{"CUDAEMU_INIT=1"}},
		{"a copy is not waited for", "not_waited 1 1 1 16 1 1 0 - p:x p:y", launchFailed,
			[]string{"copies with cp.async (ptx line ", "which has not waited for it"}, nil},
		{"a copy is waited for by its thread alone", "waited_alone 1 1 1 16 1 1 0 - p:x p:y", launchFailed,
			[]string{"races for shared memory", "it reads what thread (1,0,0)"}, nil},
		{"after its release", "beyond 1 1 1 32 1 1 0 - p:gone p:y", illegalAddress,
			[]string{"of an allocation of 512 bytes that was freed"}, nil},
		{"too many threads", "beyond 1 1 1 2048 1 1 0 - p:x p:y", 0, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begin(t, "faults")
			s.env = c.env
			s.put("x", floats(64, func(i int) float64 { return 1 }))
			s.put("y", floats(64, func(i int) float64 { return 0 }))
			s.do("alloc fresh 256")
			s.do("alloc gone 512")
			s.do("free gone")
			if c.code == 0 { // refused at once, and nothing else is
				s.fails(invalidValue, "launch %s", c.launch)
				s.do("sync")
				s.run()
				return
			}
			s.do("launch %s", c.launch)
			s.fails(c.code, "sync")
			s.fails(c.code, "alloc z 4")
			s.reports(c.report...)
		})
	}
}

// What is ordered is no race: the whole of a loop with barriers of both kinds.
func TestBarriersOrder(t *testing.T) {
	s := begin(t, "faults")
	s.put("x", floats(64, func(i int) float64 { return 1 }))
	s.do("launch all_barriers 1 1 1 64 1 1 0 - p:x i:3")
	s.read("x", 256)
	s.run()
	for i, got := range get[float32](s, "x", 64) {
		if got != 64 {
			t.Fatalf("x[%d] = %g, want 64: each turn doubles twice", i, got)
		}
	}
}

// kernel is a module with one kernel of a body.
func kernel(body string) string {
	return ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n" +
		".reg .b32 %r<9>;\n.reg .f32 %f<9>;\n.reg .b64 %rd<9>;\n.reg .pred %p<9>;\n" +
		"ld.param.u64 %rd1, [p];\n" + body + "\nret;\n}\n"
}

func TestModulesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, text string
		code       int
		log        string
	}{
		{"float atomic", kernel("atom.global.add.f32 %f1, [%rd1], %f2;"), invalidPTX,
			"ptx line 11: atom.global.add.f32: atomics on floats are refused"},
		{"float reduction", kernel("red.global.add.f32 [%rd1], %f2;"), invalidPTX, "atomics on floats are refused"},
		{"unknown instruction", kernel("tex.1d.v4.f32.s32 {%f1, %f2, %f3, %f4}, [%rd1, {%r1}];"),
			invalidPTX, "ptx line 11: "},
		{"unknown modifier", kernel("add.rz.f32 %f1, %f2, %f3;"), invalidPTX, "add.rz.f32: .rz is not known here"},
		{"shape of a product", kernel("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%f1}, {%r1}, {%r2}, {%f1};"),
			invalidPTX, "this shape is not supported"},
		{"undeclared register", kernel("mov.u32 %r99, 0;"), invalidPTX, "the result must be a register"},
		{"narrow address", kernel("ld.global.f32 %f1, [%r1];"), invalidPTX, "the address must have 64 bits"},
		{"recursion", ".version 7.0\n.target sm_80\n.address_size 64\n.func f()\n{\ncall.uni f, ();\nret;\n}\n" +
			".visible .entry k()\n{\ncall.uni f, ();\nret;\n}\n", invalidPTX, "recursion is not supported"},
		{"newer device", strings.Replace(kernel(""), "sm_80", "sm_90", 1), 209,
			"sm_90 is higher than the device's sm_80"},
		{"newer toolkit", strings.Replace(kernel(""), "7.0", "8.7", 1), 222, "is newer than this driver (CUDA 12.4)"},
		{"no end", kernel("")[:120], invalidPTX, "ptx line "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begin(t)
			s.ptx(c.code, c.text)
			behind, _ := s.run()
			if !strings.Contains(behind[0], c.log) {
				t.Errorf("the log is %q, want %q", behind[0], c.log)
			}
		})
	}
}

// Volta knows neither sm_80's PTX nor its instructions.
func TestOlderDevice(t *testing.T) {
	s := begin(t)
	s.env = []string{"CUDAEMU_CC=70"}
	s.ptx(209, kernel(""))
	s.ptx(0, strings.Replace(kernel(""), "sm_80", "sm_70", 1))
	s.ptx(invalidPTX, strings.Replace(kernel("cp.async.wait_all;"), "sm_80", "sm_70", 1))
	s.run()
}

func TestMemoryHasAnEnd(t *testing.T) {
	s := begin(t)
	s.env = []string{"CUDAEMU_MEMORY=1048576"}
	s.do("alloc a 500000")
	s.fails(2, "alloc b 600000")
	s.do("free a")
	s.fails(invalidValue, "free a")
	s.do("alloc b 600000")
	s.run()
}

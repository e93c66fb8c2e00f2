package cudaemu

import "testing"

// captured begins a capture of stream s with a kernel in it.
func captured(t *testing.T) *session {
	s := begin(t, "kernels")
	s.put("x", floats(256, func(i int) float64 { return float64(i) }))
	s.put("y", floats(256, func(i int) float64 { return 0 }))
	s.do("stream s 1")
	s.do("stream other 1")
	s.do("event e")
	s.do("begin s")
	s.do("launch saxpy 1 1 1 256 1 1 0 s f:1 p:x p:y i:256")
	return s
}

func TestGraphsAreReplayed(t *testing.T) {
	s := captured(t)
	s.do("launch saxpy 1 1 1 256 1 1 0 s f:2 p:x p:y i:256")
	s.do("end s g")
	s.do("graph g s")
	s.do("graph g s")
	s.do("sync s")
	s.read("y", 1024)
	behind, _ := s.run()
	if got := behind[len(behind)-5]; got != "2" {
		t.Errorf("the graph has %q nodes, want 2: what is captured does not run", got)
	}
	for i, got := range get[float32](s, "y", 256) {
		if want := float32(6*i + 4*(1+i&3)); got != want {
			t.Fatalf("y[%d] = %g, want %g", i, got, want)
		}
	}
}

// Another stream takes part through events, if it comes back.
func TestCaptureOfTwoStreams(t *testing.T) {
	for _, c := range []struct {
		name string
		join bool
		code int
	}{{"joined", true, 0}, {"not joined", false, 904}} {
		t.Run(c.name, func(t *testing.T) {
			s := captured(t)
			s.do("event f")
			s.do("record e s")
			s.do("wait other e")
			s.do("launch saxpy 1 1 1 256 1 1 0 other f:2 p:x p:y i:256")
			if c.join {
				s.do("record f other")
				s.do("wait s f")
			}
			s.fails(c.code, "end s g")
			s.run()
		})
	}
}

// Calls that the driver refuses while a stream is captured: the capture is spoilt.
func TestIllegalCallsWhileCapturing(t *testing.T) {
	for _, c := range []struct {
		name  string
		calls []string
		code  int
	}{
		{"kernel in the legacy stream", []string{"launch saxpy 1 1 1 256 1 1 0 - f:1 p:x p:y i:256"}, captureImplicit},
		{"synchronous copy", []string{"read x /dev/null 4"}, captureUnsupported},
		{"synchronous fill", []string{"set x 0 4"}, captureUnsupported},
		{"allocation", []string{"alloc z 4"}, captureUnsupported},
		{"release", []string{"free x"}, captureUnsupported},
		{"synchronisation", []string{"sync"}, captureUnsupported},
		{"synchronisation of the stream", []string{"sync s"}, captureUnsupported},
		{"another stream that is not captured", []string{"record e other", "wait s e"}, captureIsolation},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := captured(t)
			for _, call := range c.calls[:len(c.calls)-1] {
				s.do("%s", call)
			}
			s.fails(c.code, "%s", c.calls[len(c.calls)-1])
			s.fails(captureInvalidated, "end s g")
			s.do("sync")
			s.run()
		})
	}
}

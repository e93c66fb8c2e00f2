package sounds

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/setting"
)

// piped is the file of a program that could not go back to write the lengths of the file and of the samples.
func piped(s filetest.Sound, file, data uint32) []byte {
	b := s.File()
	binary.LittleEndian.PutUint32(b[4:], file)
	binary.LittleEndian.PutUint32(b[len(b)-len(s.Data)-4:], data)
	return b
}

func floats(vs ...float32) (b []byte) {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func TestWAVCodings(t *testing.T) {
	for _, c := range []struct {
		name    string
		file    []byte
		want    []float32
		message string
	}{
		{"8 bits", filetest.Sound{Coding: 1, Channels: 1, Bits: 8, Data: []byte{0, 128, 192, 255}}.File(),
			[]float32{-1, 0, 0.5, 127.0 / 128}, ""},
		{"16 bits", filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Data: []byte{0, 0x80, 0, 0, 0, 0x40, 1, 0}}.File(),
			[]float32{-1, 0, 0.5, 1.0 / 32768}, ""},
		{"24 bits", filetest.Sound{Coding: 1, Channels: 1, Bits: 24, Data: []byte{0, 0, 0x80, 0, 0, 0x40, 0xff, 0xff,
			0xff}}.File(), []float32{-1, 0.5, -1.0 / (1 << 23)}, ""},
		{"32 bits", filetest.Sound{Coding: 1, Channels: 1, Bits: 32, Data: []byte{0, 0, 0, 0x80, 0, 0, 0, 0x40}}.File(),
			[]float32{-1, 0.5}, ""},
		{"float", filetest.Sound{Coding: 3, Channels: 1, Bits: 32, Data: floats(0, 0.25, -1.5)}.File(),
			[]float32{0, 0.25, -1.5}, ""},
		{"stereo", filetest.Sound{Coding: 1, Channels: 2, Bits: 8, Data: []byte{0, 192, 128, 128}}.File(),
			[]float32{-1, 0.5, 0, 0}, ""},
		{"extensible 24 bits", filetest.Sound{Coding: 1, Channels: 1, Bits: 24, Extensible: true,
			Data: []byte{0, 0, 0x40}}.File(), []float32{0.5}, ""},
		{"extensible float", filetest.Sound{Coding: 3, Channels: 1, Bits: 32, Extensible: true,
			Data: floats(0.5)}.File(),
			[]float32{0.5}, ""},
		{"other chunks, one of odd length", filetest.Sound{Coding: 1, Channels: 1, Bits: 8,
			Before: "LIST\x03\x00\x00\x00abc\x00fact\x00\x00\x00\x00", Data: []byte{192}}.File(), []float32{0.5}, ""},
		{"no samples", filetest.Sound{Coding: 1, Channels: 1, Bits: 16}.File(), nil,
			"no samples: the data chunk is empty"},
		{"truncated", filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Data: make([]byte, 100)}.File()[:80], nil,
			"36 bytes of samples, and the data chunk claims 100: the file is truncated"},
		{"half a sample", filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Data: []byte{1, 2, 3}}.File(), nil,
			"3 bytes of samples, want a multiple of 2"},
		{"written to a pipe by ffmpeg",
			piped(filetest.Sound{Coding: 1, Channels: 1, Bits: 8, Before: "LIST\x04\x00\x00\x00Lavf",
				Data: []byte{0, 192}}, 0xffffffff, 0xffffffff), []float32{-1, 0.5}, ""},
		{"written to a pipe with zeros",
			piped(filetest.Sound{Coding: 1, Channels: 2, Bits: 16, Data: []byte{0, 0x80, 0, 0x40}},
				0, 0), []float32{-1, 0.5}, ""},
		{"written to a pipe by SoX", piped(filetest.Sound{Coding: 1, Channels: 1, Bits: 24, Data: []byte{0, 0, 0x40}},
			0x7ffff024, 0x7fffefff), []float32{0.5}, ""},
		{"written to a pipe and cut in a sample",
			piped(filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Data: []byte{1, 2, 3}},
				0xffffffff, 0xffffffff), nil, "3 bytes of samples, want a multiple of 2"},
		{"written to a pipe that brought none", piped(filetest.Sound{Coding: 1, Channels: 1, Bits: 16}, 0xffffffff,
			0xffffffff),
			nil, "no samples: the data chunk is empty"},
		{"a length that is too large", piped(filetest.Sound{Coding: 1, Channels: 1, Bits: 8, Data: []byte{1, 2}},
			0xffffffff,
			0x7fffffff), nil, "2 bytes of samples, and the data chunk claims 2147483647"},
		{"chunks behind the samples", append(filetest.Sound{Coding: 1, Channels: 1, Bits: 8, Data: []byte{0}}.File(),
			"\x00LIST\x03\x00\x00\x00abc"...), []float32{-1}, ""},
		{"padding behind the samples",
			append(filetest.Sound{Coding: 1, Channels: 1, Bits: 8, Data: []byte{0, 192}}.File(), 0,
				0, 0, 0), []float32{-1, 0.5}, ""},
		{"two files in one", slices.Repeat(filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Data: []byte{1, 2}}.File(),
			2), nil,
			"the last chunk ends at byte 46 of 92, and what follows is none: 52 49 46 46"},
		{"samples that the header does not count",
			append(filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Data: []byte{1, 2}}.File(), make([]byte, 20)...),
			nil,
			"the last chunk ends at byte 46 of 66, and what follows is none: 00 00"},
		{"a chunk behind the samples that is cut",
			append(filetest.Sound{Coding: 1, Channels: 1, Bits: 8, Data: []byte{0, 1}}.File(),
				"LIST\x09\x00\x00\x00abc"...),
			nil, "the last chunk ends at byte 46 of 57"},
		{"not finite", filetest.Sound{Coding: 3, Channels: 1, Bits: 32, Data: floats(0, float32(math.NaN()))}.File(),
			nil,
			"sample 1 is NaN"},
		{"mp3 inside", filetest.Sound{Coding: 85, Channels: 1, Bits: 16, Data: []byte{1, 2}}.File(), nil,
			"coding 85, want 1 (PCM) or 3 (float)"},
		{"64-bit float", filetest.Sound{Coding: 3, Channels: 1, Bits: 64, Data: make([]byte, 8)}.File(), nil,
			"64 bits a sample, want"},
		{"six channels", filetest.Sound{Coding: 1, Channels: 6, Bits: 16, Data: make([]byte, 12)}.File(), nil,
			"6 channels, want 1 or 2"},
		{"no rate", filetest.Sound{Coding: 1, Channels: 1, Bits: 16, Rate: 1 << 30, Data: make([]byte, 12)}.File(), nil,
			"1073741824 samples a second, want"},
		{"other file", []byte("MThd and so on, no wave"), nil, `begins with "MThd and so " , want RIFF`},
		{"empty", nil, nil, "the file ends at byte 0, want 12"},
		{"header alone", filetest.Sound{Coding: 1, Channels: 1, Bits: 16}.File()[:36], nil,
			"36 bytes without a data chunk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := bytes.NewReader(c.file)
			h, err := ReadWAVHeader(in, int64(len(c.file)))
			var got []float32
			if err == nil {
				got = make([]float32, h.Samples*h.Channels)
				err = h.decode(got, c.file[h.At:])
			}
			if c.message != "" {
				if err == nil || !strings.Contains(err.Error(), strings.Replace(c.message, `" ,`, `",`, 1)) {
					t.Fatalf("got %v (%v), want %q", got, err, c.message)
				}
				return
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v (%v), want %v", got, err, c.want)
			}
		})
	}
}

func TestWAVSource(t *testing.T) {
	mono := filetest.Sound{Coding: 1, Channels: 1, Bits: 8, Data: []byte{128, 192, 160, 144, 136}}
	fast := mono
	fast.Rate = 16000
	stereo := filetest.Sound{Coding: 1, Channels: 2, Bits: 8, Data: []byte{128, 192, 192, 192}}
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*WAV)
		train   string
		message string
	}{
		{"folders are classes", map[string][]byte{"b/1.wav": mono.File(), "a/2.WAV": mono.File()}, nil,
			"[a/2.WAV=0 b/1.wav=1]", ""},
		{"labels in names", map[string][]byte{"1_x.wav": mono.File(), "0_y.wav": mono.File()},
			func(s *WAV) { s.FileName, s.Label = `^(?P<digit>\d)_`, "digit" }, "[0_y.wav=0 1_x.wav=1]", ""},
		{"held out", map[string][]byte{"0_a.wav": mono.File(), "0_b.wav": mono.File()}, func(s *WAV) {
			s.HeldOut = "_b"
		}, "[0_a.wav=-1]", ""},
		{"damaged and left out", map[string][]byte{"1.wav": mono.File(), "2.wav": mono.File()[:40]}, func(s *WAV) {
			s.MaxSkipped = 1
		}, "[1.wav=-1]", ""},
		{"damaged", map[string][]byte{"1.wav": mono.File(), "2.wav": mono.File()[:40]}, nil, "",
			"1 samples are refused, max_skipped allows 0"},
		{"stereo averaged", map[string][]byte{"1.wav": mono.File(), "2.wav": stereo.File()}, func(s *WAV) {
			s.Channels = 1
		}, "[1.wav=-1 2.wav=-1]", ""},
		{"mixed channels", map[string][]byte{"1.wav": mono.File(), "2.wav": stereo.File()}, nil, "",
			"2 channels, the files before have 1"},
		{"mixed rates", map[string][]byte{"1.wav": mono.File(), "2.wav": fast.File()}, nil, "",
			"2.wav: 16000 samples a second, want 8000"},
		{"another rate", map[string][]byte{"1.wav": mono.File()}, func(s *WAV) { s.Rate = 44100 }, "",
			"8000 samples a second, want 44100"},
		{"name without match", map[string][]byte{"x.wav": mono.File()}, func(s *WAV) { s.FileName = `^\d` }, "",
			`x.wav: the name does not match name = "^\\d"`},
		{"label without group", nil, func(s *WAV) { s.Label = "digit" }, "", "want a group (?P<digit>...)"},
		{"bad expression", nil, func(s *WAV) { s.FileName = "(" }, "", "missing closing )"},
		{"held out all", map[string][]byte{"1.wav": mono.File()}, func(s *WAV) { s.HeldOut = "." }, "",
			"matches 1 of 1 names; want some and not all"},
		{"no files", map[string][]byte{"1.mp3": nil}, nil, "", "no .wav files"},
		{"loose and classed", map[string][]byte{"1.wav": mono.File(), "a/1.wav": mono.File()}, nil, "",
			"holds both files (1.wav) and folders of files (a)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			s := NewWAV()
			s.Train, s.TestFraction = dir, 0
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(datasets.Env{})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			if got := fmt.Sprint(filetest.Listing(dir, p.Train)); got != c.train {
				t.Errorf("got %s, want %s", got, c.train)
			}
		})
	}
}

// Windows pad and crop alike from memory and from files.
func TestWAVWindow(t *testing.T) {
	stereo := filetest.Sound{Coding: 1, Channels: 2, Bits: 8, Data: []byte{128, 192, 192, 192, 0, 128, 64, 128}}
	dir := filetest.Tree(t, map[string][]byte{"1.wav": stereo.File()})
	for _, memory := range []setting.Size{0, 1 << 20} {
		for _, c := range []struct {
			channels, window int
			at               float64
			want             []float32
		}{
			{2, 2, 0, []float32{0, 0.5, 0.5, 0.5}},
			{2, 2, 1, []float32{-1, 0, -0.5, 0}},
			{1, 2, 0.5, []float32{0.5, -0.5}},
			{1, 4, 0.7, []float32{0.25, 0.5, -0.5, -0.25}},
			{1, 6, 0.7, []float32{0.25, 0.5, -0.5, -0.25, 0, 0}},
		} {
			s := NewWAV()
			s.Train, s.TestFraction, s.Memory, s.Channels = dir, 0, memory, c.channels
			p, err := s.Open(datasets.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float32, c.window*c.channels)
			for i := range got {
				got[i] = 9
			}
			if err := p.Train.(datasets.WaveSet).Window(0, c.at, got); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("memory %v, %d channels, %d samples at %v: got %v (%v), want %v", memory, c.channels, c.window,
					c.at, got, err, c.want)
			}
			if bad := datasets.VerifySamples(p.Train); bad != nil {
				t.Errorf("damage: %v", bad)
			}
		}
	}
}

func TestRealDigits(t *testing.T) {
	s := NewWAV()
	s.Train = filepath.Join(filetest.Unpacked(t, "audio-fsdd-4spk/fsdd-4spk.tar.gz", func(string) bool { return true }),
		"fsdd-4spk")
	s.FileName, s.Label, s.HeldOut, s.Rate = `^(?P<digit>\d)_(?P<speaker>[a-z]+)_\d+\.wav$`, "digit", `_[0-4]\.wav$`,
		8000
	p, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Train.Len(), p.Test.Len(), p.Train.Classes(), p.Train.(datasets.WaveSet).Rate(),
		p.Train.(datasets.WaveSet).Channels()); got != "800 200 [0 1 2 3 4 5 6 7 8 9] 8000 1" {
		t.Errorf("got %s", got)
	}
	shortest, longest := 1<<30, 0
	for i := range p.Train.Len() {
		shortest, longest = min(shortest, p.Train.(datasets.WaveSet).Samples(i)),
			max(longest, p.Train.(datasets.WaveSet).Samples(i))
		if want := int(filepath.Base(p.Train.Name(i))[0] - '0'); p.Train.Label(i) != want {
			t.Errorf("%s has label %d", p.Train.Name(i), p.Train.Label(i))
		}
	}
	if shortest < 8000*14/100 || longest > 8000*231/100 {
		t.Errorf("%d to %d samples, want 0.14 to 2.3 s of 8000", shortest, longest)
	}
	window := make([]float32, 8000)
	if err := p.Train.(datasets.WaveSet).Window(0, 0.5, window); err != nil {
		t.Fatal(err)
	}
	var energy float64
	for _, v := range window {
		energy += float64(v) * float64(v)
	}
	if energy == 0 {
		t.Error("the first recording is silent")
	}
	if bad := append(datasets.VerifySamples(p.Train), datasets.VerifySamples(p.Test)...); bad != nil {
		t.Errorf("damage: %v", bad)
	}
}

// FuzzWAV holds that no file does more than fail, and that what the header says is in the file.
func FuzzWAV(f *testing.F) {
	for _, s := range []filetest.Sound{
		{Coding: 1, Channels: 1, Bits: 16, Data: make([]byte, 64)},
		{Coding: 3, Channels: 2, Bits: 32, Data: floats(0, 1, 2, 3), Extensible: true},
		{Coding: 1, Channels: 1, Bits: 24, Data: make([]byte, 9), Before: "LIST\x03\x00\x00\x00abc\x00"},
	} {
		b := s.File()
		f.Add(b)
		f.Add(b[:len(b)/2])
		b = bytes.Clone(b)
		binary.LittleEndian.PutUint32(b[16:], 0xffffffff)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		took := filetest.MemoryOf(func() {
			h, err := ReadWAVHeader(bytes.NewReader(in), int64(len(in)))
			if err != nil {
				return
			}
			n := h.Samples * h.frame()
			if h.Samples < 1 || h.At+int64(n) > int64(len(in)) {
				t.Fatalf("%d samples from byte %d on in %d bytes", h.Samples, h.At, len(in))
			}
			h.decode(make([]float32, h.Samples*h.Channels), in[h.At:h.At+int64(n)])
		})
		if took > uint64(1<<20+8*len(in)) {
			t.Fatalf("%d bytes took %d bytes of memory", len(in), took)
		}
	})
}

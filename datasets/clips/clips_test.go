package clips

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

func TestClips(t *testing.T) {
	pic, small := filetest.Encoded(t, ".png", filetest.Picture(4, 6, filetest.Red, false)),
		filetest.Encoded(t, ".png", filetest.Picture(3, 3, filetest.Red, false))
	numbered := func(names ...string) map[string][]byte {
		files := map[string][]byte{}
		for _, n := range names {
			files[n] = pic
		}
		return files
	}
	for _, c := range []struct {
		name    string
		files   map[string][]byte
		change  func(*Clips)
		want    string // label:frames of each clip
		test    string
		short   string // parts that are left out, and why
		message string
	}{
		{name: "in the order of numbers", files: numbered("a/9.png", "a/10.png", "a/11.png", "b/1.png", "b/2.png"),
			want: "0:a/9,a/10 1:b/1,b/2"},
		{name: "overlap", files: numbered("a/1.png", "a/2.png", "a/3.png"), change: func(s *Clips) { s.Step = 1 },
			want: "0:a/1,a/2 0:a/2,a/3"},
		{name: "stride", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/4.png"), change: func(s *Clips) {
			s.Stride, s.Step = 2, 1
		}, want: "0:a/1,a/3 0:a/2,a/4"},
		{name: "cut at a gap", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/5.png", "a/6.png"),
			change: func(s *Clips) { s.Step = 1 }, want: "0:a/1,a/2 0:a/2,a/3 0:a/5,a/6"},
		{name: "every fourth number", files: numbered("a/0.png", "a/4.png", "a/8.png"), want: "0:a/0,a/4"},
		{name: "names in one folder", files: numbered("x_1.png", "x_2.png", "y_1.png", "y_2.png"),
			change: func(s *Clips) { s.Name, s.ClassDepth = `^(?P<sequence>.)_(?P<frame>\d+)\.png$`, 0 },
			want:   "-1:x_1,x_2 -1:y_1,y_2"},
		{name: "classes of sequences", files: numbered("run/v/1.png", "run/v/2.png", "run/w/1.png", "run/w/2.png"),
			want: "0:run/v/1,run/v/2 0:run/w/1,run/w/2"},
		{name: "the end for the test", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/5.png"),
			change: func(s *Clips) { s.TestFraction = 0.4 }, want: "0:a/1,a/2", test: "0:a/4,a/5"},
		{name: "a gap before the test", files: numbered("a/1.png", "a/2.png", "a/3.png", "a/4.png", "a/5.png",
			"a/6.png"),
			change: func(s *Clips) { s.TestFraction, s.Gap = 0.5, 1 }, want: "0:a/1,a/2", test: "0:a/5,a/6"},
		{name: "speeds", files: numbered("a/1.png", "a/2.png", "a/3.png"), change: func(s *Clips) {
			s.Speeds = []int{1, -1, 2}
		}, want: "0:a/1,a/2 1:a/2,a/1 2:a/1,a/3"},
		{name: "speeds of overlapping clips without folders", files: numbered("1.png", "2.png", "3.png"),
			change: func(s *Clips) { s.Speeds, s.Step, s.ClassDepth = []int{-2, 1}, 1, 0 },
			want:   "1:1,2 0:3,1 1:2,3"},
		{name: "a speed too many", files: numbered("a/1.png", "a/2.png"), change: func(s *Clips) {
			s.Speeds = []int{1, 4}
		}, message: "hold no clip; one takes 5 successive frames (length = 2, stride = 4)"},
		{name: "one speed", change: func(s *Clips) { s.Speeds = []int{2} }, message: "want two or more to tell apart"},
		{name: "speed 0", change: func(s *Clips) { s.Speeds = []int{1, 0} }, message: "want different strides"},
		{name: "a gap within the test", change: func(s *Clips) { s.Gap, s.SplitBy = 2, "sequence" },
			message: "only where the test is the end of each sequence"},
		{name: "whole sequences for the test", files: numbered("c/v/1.png", "c/v/2.png", "c/w/1.png", "c/w/2.png"),
			change: func(s *Clips) { s.TestFraction, s.SplitBy, s.SplitSeed = 0.5, "sequence", 1 },
			want:   "0:c/v/1,c/v/2", test: "0:c/w/1,c/w/2"},
		{name: "refused frame", files: map[string][]byte{"a/1.png": pic, "a/2.png": pic, "a/3.png": pic[:30],
			"a/4.png": pic}, change: func(s *Clips) { s.MaxSkipped, s.Step = 1, 1 }, want: "0:a/1,a/2"},
		{name: "number twice", files: numbered("a/1.png", "a/01.png"), message: "are both frame 1"},
		{name: "no number", files: numbered("a/x.png"), message: "a/x.png: no number in the name"},
		{name: "number too large", files: numbered("a/99999999999999999999.png"),
			message: `frame "99999999999999999999", want a whole number`},
		{name: "sizes differ", files: map[string][]byte{"a/1.png": pic, "a/2.png": small},
			message: "a/2.png is 3x3, the frames before it are 6x4"},
		{name: "short parts", files: numbered("a/1.png", "b/1.png", "b/2.png", "b/4.png"), want: "1:b/1,b/2",
			short: "a/1.png and 0 more: 1 successive frames; a clip takes 2 (length = 2, stride = 1) " +
				"b/4.png and 0 more: 1 successive frames; a clip takes 2 (length = 2, stride = 1)"},
		{name: "a speed that a sequence is too short for", files: numbered("a/1.png", "a/2.png", "a/3.png", "b/1.png",
			"b/2.png"), change: func(s *Clips) { s.Speeds = []int{1, 2} }, want: "0:a/1,a/2 1:a/1,a/3 0:b/1,b/2",
			short: "b/1.png and 1 more: 2 successive frames; a clip takes 3 (length = 2, stride = 2)"},
		{name: "nothing left for the test", files: numbered("a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png",
			"b/3.png", "b/4.png", "b/5.png", "b/6.png", "b/7.png"),
			change: func(s *Clips) { s.TestFraction, s.Gap = 0.4, 1 },
			want:   "0:a/1,a/2 1:b/1,b/2 1:b/3,b/4", test: "1:b/6,b/7",
			short: "a: 0 successive frames; a clip takes 2 (length = 2, stride = 1)"},
		{name: "too many short parts", files: numbered("a/1.png", "b/1.png", "c/1.png", "c/2.png"),
			change:  func(s *Clips) { s.MaxShort = 1 },
			message: "2 parts of sequences are shorter than a clip, max_short allows 1: "},
		{name: "fewer than none", change: func(s *Clips) { s.MaxShort = -1 }, message: "max_short = -1"},
		{name: "too short", files: numbered("a/1.png"), message: "hold no clip; one takes 2 successive frames"},
		{name: "no folder", files: numbered("1.png", "2.png"), message: "frames (1.png) that are in no folder"},
		{name: "groups", change: func(s *Clips) { s.Name = "x" }, message: "want the groups (?P<sequence>...)"},
		{name: "length", change: func(s *Clips) { s.Length = 0 }, message: "length = 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filetest.Tree(t, c.files)
			s := NewClips()
			s.Train, s.TestFraction, s.Length = dir, 0, 2
			if c.change != nil {
				c.change(s)
			}
			p, err := s.Open(datasets.Env{})
			if !filetest.Opens(t, err, c.message) {
				return
			}
			test := ""
			if p.Test != nil {
				test = clipNames(dir, p.Test.(*clipSet))
			}
			if got := clipNames(dir, p.Train.(*clipSet)); got != c.want || test != c.test {
				t.Errorf("got %s, test %s; want %s, test %s", got, test, c.want, c.test)
			}
			var short []string
			for _, skip := range p.Skipped {
				if strings.Contains(skip.Err.Error(), "successive frames") {
					rel, err := filepath.Rel(dir, skip.Name)
					if err != nil {
						rel = skip.Name
					}
					short = append(short, fmt.Sprintf("%s: %v", filepath.ToSlash(rel), skip.Err))
				}
			}
			if c.short != "" && strings.Join(short, " ") != c.short {
				t.Errorf("left out are %q, want %q", strings.Join(short, " "), c.short)
			}
			if bad := datasets.VerifySamples(p.Train); bad != nil {
				t.Error(bad)
			}
		})
	}
}

// clipNames lists label:frames.
func clipNames(dir string, s *clipSet) string {
	var clips []string
	for i := range s.Len() {
		var names []string
		for k := range s.length {
			rel, _ := filepath.Rel(dir, s.images.Name(s.clips[i].frame(k)))
			names = append(names, strings.TrimSuffix(filepath.ToSlash(rel), ".png"))
		}
		clips = append(clips, fmt.Sprintf("%d:%s", s.Label(i), strings.Join(names, ",")))
	}
	return strings.Join(clips, " ")
}

func TestRealClips(t *testing.T) {
	s := NewClips()
	s.Train = filepath.Join(filetest.Unpacked(t, "video-clips-64/video-clips-64.tar.gz", func(n string) bool {
		return strings.HasSuffix(n, ".jpg")
	}), "video-clips-64")
	p, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	frames := p.Train.(*clipSet).images.Len() + p.Test.(*clipSet).images.Len()
	if frames != 743 || len(p.Train.Classes()) != 7 || p.Train.(*clipSet).cuts != 0 {
		t.Errorf("%d frames of %q with %d gaps, want 743 of 7 without", frames, p.Train.Classes(),
			p.Train.(*clipSet).cuts)
	}
	clip := make([]datasets.Image, p.Train.(datasets.ClipSet).Frames())
	if err := p.Train.(datasets.ClipSet).Clip(0, clip); err != nil {
		t.Fatal(err)
	}
	for k, m := range clip {
		if m.H != 64 || m.W != 64 {
			t.Errorf("frame %d is %dx%d", k, m.W, m.H)
		}
	}
}

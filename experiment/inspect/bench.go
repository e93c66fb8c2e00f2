package inspect

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"selfsup/datasets/feed"
	"selfsup/experiment"
	"selfsup/experiment/report"
	"selfsup/graph"
	"selfsup/graph/ir"
)

// Bench is how fast a recipe's training step runs on random inputs that are already in memory: the step, not the data
// pipeline. The keys are those of the PyTorch script that it is compared with.
type Bench struct {
	Method          string  `json:"method"`
	Backbone        string  `json:"backbone"`
	Batch           int     `json:"batch"`
	Size            int     `json:"size"`  // of view 0, pixels
	Views           string  `json:"views"` // "32x32x3", or with their numbers "32x32x3 (2) and 16x16x3 (4)"
	Precision       string  `json:"precision"`
	Threads         int     `json:"threads"`
	Kernels         string  `json:"kernels"` // instruction set
	MedianMS        float64 `json:"ms_median"`
	MinMS           float64 `json:"ms_min"`
	CPUMedianMS     float64 `json:"cpu_ms_median"`     // processor time of a step, all threads together
	ImagesPerSecond float64 `json:"images_per_second"` // source images; an image with two views counts once
	GFLOPS          float64 `json:"gflops"`            // of the operations that count theirs, over the median
	Loss            float64 `json:"loss"`
	PeakRSSMB       float64 `json:"peak_rss_mb"`
	ArenaMB         float64 `json:"arena_mb"` // temporaries of the step
	// all that the step takes: temporaries, scratch, inputs, its part of the Store
	MemoryMB   float64    `json:"memory_mb"`
	Again      int        `json:"again"`         // operations that run a second time to save memory
	PeakGFLOPS float64    `json:"peak_gflops"`   // of the machine, float32, measured
	PeakGBPerS float64    `json:"peak_gb_per_s"` // of the machine's memory, measured
	Parts      []PartTime `json:"parts"`         // network, loss, teacher, optimizer, probe
	Ops        []OpTime   `json:"ops"`

	Ranks           int     `json:"ranks,omitempty"`            // processes that share the step
	CommunicationMS float64 `json:"communication_ms,omitempty"` // a step's time in collectives, mean
	WaitedMS        float64 `json:"waited_for_ms,omitempty"`    // of it the time that the computing waited

	noun string // of the samples; empty: images
}

// OpTime is one kind of operation's part of a step, or the part of those with the same operands.
type OpTime struct {
	Name   string  `json:"name"`
	Shapes string  `json:"shapes,omitempty"` // of operands and result, such as "[512,64] [64,512] -> [512,512]"
	Count  int     `json:"count"`
	Share  float64 `json:"share"` // of the step's time
	MS     float64 `json:"ms"`    // mean of a step
	GFLOPS float64 `json:"gflops,omitempty"`
	GBPerS float64 `json:"gb_per_s"` // of its operands and results, each counted once
}

// Benchmark times steps of the training program after one that warms up, then as many again with every operation timed:
// together with the others of its kind, or, byShape, only with those of the same shapes.
func Benchmark(s *experiment.Setup, steps int, byShape bool) (*Bench, error) {
	for name, in := range s.Train.Inputs() {
		if in.DType == ir.F32 && len(in.Shape) > 0 {
			r := graph.Rand(uint64(s.Recipe.Seed), name)
			for i := range in.F32 {
				in.F32[i] = float32(r.NormFloat64())
			}
			someCategories(s, name, in.F32, r)
		}
		someSymbols(s, name, in.I32, in.Shape)
		if name == feed.Labels {
			for i := range in.I32 {
				in.I32[i] = int32(i % len(s.Data.Train.Classes()))
			}
		}
	}
	s.Train.Schedule(s.Time(s.Steps / 2))
	times, cpu := make([]float64, steps), make([]float64, steps)
	var spent0, waited0 float64
	for i := -1; i < steps; i++ {
		if i == 0 && s.Ranks != nil {
			spent0, waited0 = s.Ranks.Seconds()
		}
		begin, before := time.Now(), report.CPUSeconds()
		if err := s.Train.Run(); err != nil {
			return nil, err
		}
		if i >= 0 {
			times[i], cpu[i] = time.Since(begin).Seconds(), report.CPUSeconds()-before
		}
	}
	slices.Sort(times)
	slices.Sort(cpu)
	median := times[len(times)/2]
	loss, err := s.Train.Output(experiment.LossOutput)
	if err != nil {
		return nil, err
	}
	about := s.Device.About()
	b := &Bench{
		Method: s.Recipe.Method.Name, Backbone: s.Recipe.Backbone.Name, Batch: s.Recipe.Train.Batch, Size: s.Width(),
		Views:     s.ViewSizes(),
		Precision: s.Recipe.Precision, Threads: about.Threads, Kernels: about.Kernels,
		MedianMS: 1e3 * median, MinMS: 1e3 * times[0], CPUMedianMS: 1e3 * cpu[len(cpu)/2],
		ImagesPerSecond: float64(s.Recipe.Train.Batch) / median,
		GFLOPS:          float64(s.Train.FLOPs()) / median / 1e9, Loss: loss.At(0),
		PeakRSSMB: report.PeakRSSMB(), ArenaMB: float64(s.Train.IR.Arena) / (1 << 20),
		MemoryMB: float64(s.Train.Memory().Total()) / (1 << 20), Again: s.Train.IR.Again, noun: s.Noun(),
	}
	if s.Ranks != nil {
		spent, waited := s.Ranks.Seconds()
		b.Ranks = s.Ranks.Size()
		b.CommunicationMS, b.WaitedMS = 1e3*(spent-spent0)/float64(steps), 1e3*(waited-waited0)/float64(steps)
	}
	clocked, err := profile(s, steps)
	if err != nil {
		return nil, err
	}
	b.Ops, b.Parts = opTimes(s, clocked, steps+1, byShape), partTimes(s, clocked, steps+1)
	b.PeakGFLOPS, b.PeakGBPerS = s.Device.Peak()
	return b, nil
}

// someCategories draws those elements of a field that are categories.
func someCategories(s *experiment.Setup, name string, to []float32, r *rand.Rand) {
	f, err := feed.FieldOf(s.Maker(), s.Masks, name)
	if err != nil || len(f.Of) == 0 {
		return
	}
	for i := range to {
		if of := f.Of[i%len(f.Of)]; of > 0 {
			to[i] = float32(r.IntN(of))
		}
	}
}

// someSymbols draws the symbols of a field of sequences, none of them padding.
func someSymbols(s *experiment.Setup, name string, to []int32, shape ir.Shape) {
	f, err := feed.FieldOf(s.Maker(), s.Masks, name)
	if err != nil || !f.Int || len(f.Of) != 1 || len(shape) < 2 {
		return
	}
	for i := range to {
		to[i] = int32(1 + i%max(f.Of[0]-1, 1))
	}
}

// profile runs more steps with a clock at every operation, of which the first warms up too.
func profile(s *experiment.Setup, steps int) ([]time.Duration, error) {
	for range steps + 1 {
		s.Train.Profile()
		if err := s.Train.Run(); err != nil {
			return nil, err
		}
	}
	return s.Train.Profile(), nil
}

// opTimes adds up the times of so many steps by kind of operation.
func opTimes(s *experiment.Setup, times []time.Duration, steps int, byShape bool) []OpTime {
	kinds := map[[2]string]*OpTime{}
	var total float64
	for i, t := range times {
		name, shapes, flops, bytes := "copy", "", int64(0), 0
		if i < len(s.Train.IR.Instrs) {
			in := s.Train.IR.Instrs[i]
			name, flops, bytes = in.Spec.Name(), s.Train.IR.FLOPs(in), s.Train.IR.Bytes(in)
			if byShape {
				for _, t := range s.Train.IR.Types(in) {
					shapes += t.String() + " "
				}
				shapes += "-> " + s.Train.IR.Bufs[in.Out].Type.String()
			}
		}
		kind := [2]string{name, shapes}
		o := kinds[kind]
		if o == nil {
			o = &OpTime{Name: name, Shapes: shapes}
			kinds[kind] = o
		}
		ms := 1e3 * t.Seconds() / float64(steps)
		o.Count++
		o.MS += ms
		o.GFLOPS += float64(flops) / 1e6
		o.GBPerS += float64(bytes) / 1e6
		total += ms
	}
	var ops []OpTime
	for _, o := range kinds {
		o.Share = o.MS / total
		o.GFLOPS, o.GBPerS = per(o.GFLOPS, o.MS), per(o.GBPerS, o.MS)
		ops = append(ops, *o)
	}
	slices.SortFunc(ops, func(a, b OpTime) int { return cmp.Compare(b.MS, a.MS) })
	return ops
}

// per is a rate, 0 where nothing was timed.
func per(amount, ms float64) float64 {
	if ms == 0 {
		return 0
	}
	return amount / ms
}

// Table is the measurement for people.
func (b *Bench) Table() string {
	t := report.Table{Header: []string{"operation", "count", "ms", "share", "GFLOPS", "of peak", "GB/s", "of peak"}}
	for _, o := range b.Ops {
		if o.Share >= 0.001 {
			t.Rows = append(t.Rows, []string{strings.TrimSpace(o.Name + " " + o.Shapes), fmt.Sprint(o.Count),
				fmt.Sprintf("%.2f", o.MS), fmt.Sprintf("%.1f%%", 100*o.Share), fmt.Sprintf("%.0f", o.GFLOPS),
				fmt.Sprintf("%.0f%%", 100*o.GFLOPS/b.PeakGFLOPS), fmt.Sprintf("%.1f", o.GBPerS),
				fmt.Sprintf("%.0f%%", 100*o.GBPerS/b.PeakGBPerS)})
		}
	}
	noun, sizes := cmp.Or(b.noun, "images"), ""
	if b.Ranks > 0 {
		sizes = fmt.Sprintf("%d ranks: %.1f ms of a step in sums and rows of others (%.0f%%), for %.1f ms (%.0f%%) "+
			"the computing waited\n", b.Ranks, b.CommunicationMS, 100*b.CommunicationMS/b.MedianMS, b.WaitedMS,
			100*b.WaitedMS/b.MedianMS)
	}
	if strings.Contains(b.Views, " and ") {
		sizes += "views of " + b.Views + "\n"
	}
	return fmt.Sprintf("%s %s, %d %s of %d %s, %s, %d threads (%s)\n%smedian %.1f ms, least %.1f ms, %.1f %s/s, "+
		"%.0f GFLOPS, peak memory %.0f MB (%.0f MB of temporaries)\n"+
		"the machine's measured peak: %.0f GFLOPS in float32, %.1f GB/s\n%s\n%s",
		b.Method, b.Backbone, b.Batch, noun, b.Size, unitOf(noun), b.Precision, b.Threads, b.Kernels, sizes, b.MedianMS,
		b.MinMS, b.ImagesPerSecond, noun, b.GFLOPS, b.PeakRSSMB, b.ArenaMB, b.PeakGFLOPS, b.PeakGBPerS, b.parts(), t)
}

// parts is a line of what the step's time goes to.
func (b *Bench) parts() string {
	var list []string
	for _, p := range b.Parts {
		list = append(list, fmt.Sprintf("%s %.1f ms (%.1f%%)", p.Name, p.MS, 100*p.Share))
	}
	return strings.Join(list, ", ") + "\n"
}

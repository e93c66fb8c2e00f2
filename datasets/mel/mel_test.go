package mel

import (
	"math"
	"strings"
	"testing"

	"selfsup/internal/golden"
)

func bankOf(t *testing.T, f *golden.Fixture) Bank {
	return Bank{Rate: golden.Param[int](t, f, "sample_rate"), FFT: golden.Param[int](t, f, "n_fft"),
		Bands: golden.Param[int](t, f, "n_mels"), Low: golden.Param[float64](t, f, "f_min"),
		High: golden.Param[float64](t, f, "f_max"), Slaney: golden.Param[string](t, f, "mel_scale") == "slaney"}
}

// flat is [T][K] by columns, as the fixtures have it.
func flat(x [][]float64) (all []float64) {
	for k := range x[0] {
		for t := range x {
			all = append(all, x[t][k])
		}
	}
	return all
}

func TestGoldenFilters(t *testing.T) {
	for _, name := range []string{"audio/mel_filterbank_htk", "audio/mel_filterbank_slaney"} {
		t.Run(name, func(t *testing.T) {
			f := golden.Load(t, name)
			b, tol := bankOf(t, f), f.Tolerance(false, 0)
			var filters []float64
			for _, row := range b.Filters() {
				filters = append(filters, row...)
			}
			golden.Compare(t, "filterbank", filters, f.Outputs["filterbank"], tol)
			golden.Compare(t, "centre_frequencies", b.Corners(), f.Outputs["centre_frequencies"], tol)
		})
	}
}

func TestGoldenLogMel(t *testing.T) {
	f := golden.Load(t, "audio/log_mel_spectrogram")
	s := Spectrogram{FFT: golden.Param[int](t, f, "n_fft"), Hop: golden.Param[int](t, f, "hop_length"),
		Window: golden.Param[int](t, f, "win_length")}
	power, err := s.Power(f.Inputs["waveform"].Data)
	if err != nil {
		t.Fatal(err)
	}
	tol := f.Tolerance(false, 0)
	golden.Compare(t, "power", flat(power), f.Outputs["power"], tol)
	bands := Apply(bankOf(t, f).Filters(), power)
	golden.Compare(t, "mel", flat(bands), f.Outputs["mel"], tol)
	Log(bands)
	golden.Compare(t, "log_mel", flat(bands), f.Outputs["log_mel"], tol)
	if eps := golden.Param[float64](t, f, "eps"); math.Abs(eps-Epsilon) > 1e-13 {
		t.Errorf("epsilon %v, the fixture has %v", Epsilon, eps)
	}
}

// The transform is that of its definition, and a window shorter than the frame is in its middle.
func TestPowerIsTheTransforms(t *testing.T) {
	x := make([]float64, 40)
	for i := range x {
		x[i] = math.Sin(float64(i*i)) + 0.3
	}
	s := Spectrogram{FFT: 16, Hop: 7, Window: 10}
	got, err := s.Power(x)
	if err != nil || len(got) != 6 || len(got[0]) != 9 {
		t.Fatalf("%d frames (%v), want 6 of 9 frequencies", len(got), err)
	}
	for frame := range got {
		for k := range got[frame] {
			var re, im float64
			for i := range 10 {
				at := frame*7 + 3 + i - 8
				if at < 0 {
					at = -at
				}
				if at > 39 {
					at = 78 - at
				}
				v := x[at] * (0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/10))
				angle := 2 * math.Pi * float64(k*(3+i)) / 16
				re, im = re+v*math.Cos(angle), im-v*math.Sin(angle)
			}
			if want := re*re + im*im; math.Abs(got[frame][k]-want) > 1e-9 {
				t.Errorf("frame %d, frequency %d: %v, want %v", frame, k, got[frame][k], want)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for want, s := range map[string]Spectrogram{
		"a transform of 12 samples, want a power of two":       {FFT: 12, Hop: 1, Window: 12},
		"a window of 32 samples every 4, want 1 to 16":         {FFT: 16, Hop: 4, Window: 32},
		"a window of 8 samples every 0, want 1 to 16 and at l": {FFT: 16, Window: 8},
		"5 samples, want at least 9":                           {FFT: 16, Hop: 4, Window: 8},
	} {
		if _, err := s.Power(make([]float64, 5)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", s, err, want)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/encoder"
)

// serve starts the program's server.
func serve(t testing.TB) (*index, *httptest.Server) {
	t.Helper()
	enc, err := encoder.Read(weights)
	if err != nil {
		t.Fatal(err)
	}
	x, err := newIndex(enc)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(x.handler())
	t.Cleanup(s.Close)
	return x, s
}

// post sends an image file and returns the answer.
func post(t testing.TB, url string, file []byte) (int, string) {
	t.Helper()
	r, err := http.Post(url, "application/x-www-form-urlencoded", bytes.NewReader(file)) // as curl says
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(text)
}

func encoded(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A picture of the index is its own nearest neighbour; most test images, asked for side by side, have one of their
// class.
func TestNeighbours(t *testing.T) {
	x, s := serve(t)
	status, text := post(t, s.URL+"/neighbours?k=3", encoded(t, x.pictures[17].image))
	var near []neighbour
	if err := json.Unmarshal([]byte(text), &near); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, %s: %v", status, text, err)
	}
	if len(near) != 3 || near[0].Image != 17 || near[0].Similarity < 0.9999 || near[1].Similarity > near[0].Similarity {
		t.Errorf("%+v; want three, the picture itself first", near)
	}
	d, err := images.NewFashionMNIST4k().Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	_, test := d.Images()
	const n = 200
	right := make([]bool, n)
	var wg sync.WaitGroup
	for i := range n {
		var m datasets.Image
		if err := test.Image(i, &m); err != nil {
			t.Fatal(err)
		}
		file := encoded(t, &image.Gray{Pix: m.Pix, Stride: m.W, Rect: image.Rect(0, 0, m.W, m.H)})
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, text := post(t, s.URL+"/neighbours?k=1", file)
			right[i] = strings.Contains(text, test.Classes()[test.Label(i)])
		}()
	}
	wg.Wait()
	count := 0
	for _, r := range right {
		if r {
			count++
		}
	}
	t.Logf("%d of %d test images have a nearest neighbour of their class", count, n)
	if count < n*7/10 {
		t.Errorf("%d of %d test images have a nearest neighbour of their class, want 70 %%", count, n)
	}
}

// What is no image, and what is asked for wrongly, is said so.
func TestRefused(t *testing.T) {
	_, s := serve(t)
	for _, c := range []struct {
		url    string
		file   []byte
		status int
		want   string
	}{
		{"/neighbours", []byte("no image"), 400, "unknown format"},
		{"/neighbours?k=0", nil, 400, "want 1 to 100"},
		{"/neighbours", make([]byte, largest+1), 413, "too large"},
		{"/elsewhere", nil, 404, "not found"},
	} {
		if status, text := post(t, s.URL+c.url, c.file); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s: status %d, %s; want %d, %s", c.url, status, text, c.status, c.want)
		}
	}
	for path, want := range map[string]int{"/": 200, "/images/2.png": 200, "/images/9999.png": 404, "/images/x": 404} {
		r, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, r.StatusCode, want)
		}
	}
}

// Images a second in batches.
func BenchmarkEmbed(b *testing.B) {
	x, _ := serve(b)
	var batch []image.Image
	for _, p := range x.pictures[:256] {
		batch = append(batch, p.image)
	}
	for b.Loop() {
		if _, err := x.enc.Embed(batch...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "images/s")
}

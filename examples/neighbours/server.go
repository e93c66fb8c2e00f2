package main

import (
	_ "embed"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"strconv"
)

//go:embed page.html
var page []byte

// largest is how many bytes an image file may have.
const largest = 16 << 20

// handler answers POST /neighbours?k=9, whose body is an image file, GET /images/17.png, and GET / with a page.
func (x *index) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	mux.HandleFunc("GET /images/{name}", x.serveImage)
	mux.HandleFunc("POST /neighbours", x.serveNeighbours)
	return mux
}

func (x *index) serveNeighbours(w http.ResponseWriter, r *http.Request) {
	k := 9
	if text := r.URL.Query().Get("k"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			http.Error(w, "k = "+text+": want 1 to 100", http.StatusBadRequest)
			return
		}
		k = n
	}
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	near, err := x.near(file, k)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(near)
}

func (x *index) serveImage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	i, err := strconv.Atoi(name[:max(0, len(name)-len(".png"))])
	if err != nil || i < 0 || i >= len(x.pictures) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	png.Encode(w, x.pictures[i].image)
}

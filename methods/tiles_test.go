package methods_test

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// cut runs a Grid over images of h x w pixels, of which pixel (i,j) of every image is i*100 + j, and gives the tiles.
func cut(t *testing.T, g methods.Grid, images, h, w, step int) [][]float32 {
	t.Helper()
	built, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		x := s.Input("x", images, h, w, 1)
		s.Output("tiles", op.Concat(0, g.Cut(s, s.Random("places"), x)...))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := built.Compile(device.Host(), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	in, err := p.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	for i := range in.F32 {
		in.F32[i] = float32(i/w%h*100 + i%w)
	}
	p.Schedule(graph.Time{Step: step, Steps: 10, PerEpoch: 5})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	out, err := p.Output("tiles")
	if err != nil {
		t.Fatal(err)
	}
	var tiles [][]float32
	for size := g.Side * g.Side; len(out.F32) > 0; out.F32 = out.F32[size:] {
		tiles = append(tiles, append([]float32(nil), out.F32[:size]...))
	}
	return tiles
}

// Tiles are squares of the image's pixels, each in its cell of the middle; with play, places differ among images, tiles
// and steps, and all are drawn.
func TestGridCuts(t *testing.T) {
	for _, g := range []methods.Grid{{Count: 2, Side: 3, Step: 4}, {Count: 3, Side: 2, Step: 3, Play: 2},
		{Count: 3, Side: 4, Step: 2}} {
		const images, h, w = 40, 12, 11
		tiles := cut(t, g, images, h, w, 0)
		if want := g.Count * g.Count * images; len(tiles) != want {
			t.Fatalf("%+v: %d tiles, want %d", g, len(tiles), want)
		}
		places := map[[2]int]bool{}
		for i, tile := range tiles {
			cell, top, left := i/images, int(tile[0])/100, int(tile[0])%100
			for k, v := range tile {
				if want := float32((top+k/g.Side)*100 + left + k%g.Side); v != want {
					t.Fatalf("%+v: pixel %d of tile %d is %v, want %v", g, k, i, v, want)
				}
			}
			y := top - (h-g.Span())/2 - cell/g.Count*g.Step
			x := left - (w-g.Span())/2 - cell%g.Count*g.Step
			if y < 0 || y > g.Play || x < 0 || x > g.Play {
				t.Errorf("%+v: tile %d lies %d,%d pixels from its cell's corner, want 0 to %d", g, i, y, x, g.Play)
			}
			places[[2]int{y, x}] = true
		}
		if want := (g.Play + 1) * (g.Play + 1); len(places) != want {
			t.Errorf("%+v: %d places of tiles in their cells, want all %d", g, len(places), want)
		}
	}
	g, moved := methods.Grid{Count: 2, Side: 2, Step: 5, Play: 3}, false
	for i, tile := range cut(t, g, 9, 10, 10, 0) {
		moved = moved || tile[0] != cut(t, g, 9, 10, 10, 1)[i][0]
	}
	if !moved {
		t.Error("the tiles of the next step have the same places")
	}
}

// Data that are no images are refused.
func TestTilesWantImages(t *testing.T) {
	_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		methods.NewBatch(s, 2, methodtest.Images(4, 4, 1)).Image()
		d := methodtest.Data()
		d.Maker = methodtest.Fields{{Name: "view", Shape: []int{7}}}
		methods.NewBatch(s.In("rows"), 2, d).Image()
	})
	if want := "tiles are cut from images; the data have views of [7]"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

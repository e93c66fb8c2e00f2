package main

import (
	"image"
	"math"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/encoder"
)

// index is pictures with their features, of unit length.
type index struct {
	enc      *encoder.Encoder
	pictures []picture
}

type picture struct {
	label    string
	image    *image.Gray
	features []float32
}

// newIndex embeds the training images of fashion_mnist_4k.
func newIndex(enc *encoder.Encoder) (*index, error) {
	d, err := images.NewFashionMNIST4k().Open(datasets.Env{})
	if err != nil {
		return nil, err
	}
	set, _ := d.Images()
	x := &index{enc: enc, pictures: make([]picture, set.Len())}
	pixels := make([]image.Image, set.Len())
	for i := range pixels {
		var m datasets.Image
		if err := set.Image(i, &m); err != nil {
			return nil, err
		}
		grey := &image.Gray{Pix: m.Pix, Stride: m.W, Rect: image.Rect(0, 0, m.W, m.H)}
		x.pictures[i], pixels[i] = picture{label: set.Classes()[set.Label(i)], image: grey}, grey
	}
	features, err := enc.Embed(pixels...)
	for i, f := range features {
		x.pictures[i].features = unit(f)
	}
	return x, err
}

// unit is a vector of length 1.
func unit(v []float32) []float32 {
	length := math.Sqrt(dot(v, v))
	u := make([]float32, len(v))
	for i := range v {
		u[i] = float32(float64(v[i]) / max(length, 1e-12))
	}
	return u
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// neighbour is a picture by its place, with the cosine of its features and the query's.
type neighbour struct {
	Image      int     `json:"image"`
	Label      string  `json:"label"`
	Similarity float64 `json:"similarity"`
}

// near are the k pictures that are nearest to an image file, the nearest first.
func (x *index) near(file []byte, k int) ([]neighbour, error) {
	features, err := x.enc.EmbedFiles(file)
	if err != nil {
		return nil, err
	}
	query, all := unit(features[0]), make([]neighbour, len(x.pictures))
	for i, p := range x.pictures {
		all[i] = neighbour{i, p.label, dot(query, p.features)}
	}
	slices.SortStableFunc(all, func(a, b neighbour) int {
		if a.Similarity > b.Similarity {
			return -1
		} else if a.Similarity < b.Similarity {
			return 1
		}
		return 0
	})
	return all[:min(k, len(all))], nil
}

package page

import (
	"encoding/base64"
)

// Pictures is what the encoder of a run makes of samples. What is empty is left out.
type Pictures struct {
	State      string      `json:"pictured,omitempty"` // step 368, the newest checkpoint
	Sample     string      `json:"sample,omitempty"`   // of what: 2000 of 10000 test images ...
	Depths     []Depth     `json:"depths,omitempty"`
	Spectra    []Spectrum  `json:"spectra,omitempty"`
	Maps       []Map       `json:"maps,omitempty"`
	Classes    []string    `json:"classes,omitempty"`
	Labels     []int32     `json:"labels,omitempty"` // of the points of the maps, -1 where there is none
	Thumbs     *Sprite     `json:"thumbs,omitempty"` // of the points
	Queries    []Query     `json:"queries,omitempty"`
	Gallery    *Sprite     `json:"gallery,omitempty"` // of the queries and their neighbours
	Confusions []Confusion `json:"confusions,omitempty"`
	Sheets     []Sheet     `json:"sheets,omitempty"`
}

// Depth is a layer on the way from the first one to the projector's last, with what a classifier of its frozen mean
// over places has right.
type Depth struct {
	Name   string  `json:"name"`
	Dim    int     `json:"dim"`
	KNN    *Number `json:"knn,omitempty"`
	Linear *Number `json:"linear,omitempty"`
	Behind bool    `json:"behind,omitempty"` // the features: a layer of the projector
}

// Spectrum is the falling eigenvalues of the covariance of a layer's features, the largest being 1.
type Spectrum struct {
	Name   string  `json:"name"`
	Values Numbers `json:"values"`
	Dashed bool    `json:"dashed,omitempty"` // of the untrained encoder
}

// Map is where points lie in the plane.
type Map struct {
	Name string  `json:"name"` // pca, tsne or umap
	X    Numbers `json:"x"`
	Y    Numbers `json:"y"`
}

// Sprite is small pictures in one image, Columns in a row, each Side pixels wide and high.
type Sprite struct {
	Data    string `json:"data"` // URI
	Side    int    `json:"side"`
	Columns int    `json:"columns"`
	Count   int    `json:"count"`
}

// Query is a test sample and the training samples nearest to it.
type Query struct {
	Tile  int     `json:"tile"` // of the gallery
	Label string  `json:"label,omitempty"`
	Near  []Found `json:"near"`
}

// Found is a neighbour of a query.
type Found struct {
	Tile   int    `json:"tile"`
	Label  string `json:"label,omitempty"`
	Cosine Number `json:"cosine"`
	Same   *bool  `json:"same,omitempty"` // class; nil: one of them has none
}

// Confusion counts test samples: row their class, column what a classifier says.
type Confusion struct {
	Name   string  `json:"name"`
	Counts [][]int `json:"counts"`
}

// Sheet is a picture with a title.
type Sheet struct {
	Title string `json:"title"`
	Text  string `json:"text,omitempty"`
	Data  string `json:"data"` // URI
}

// DataURI is a picture as an address that holds it; kind is png or jpeg.
func DataURI(kind string, picture []byte) string {
	return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(picture)
}

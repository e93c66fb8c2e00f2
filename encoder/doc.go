// Package encoder runs trained encoders in other programs, without what trained them.
//
// A run that is done has exported its encoder to one safetensors file, which says in its metadata what network it is
// and what it takes. Load reads the file, by its own name or that of the run folder, and Embed makes features of
// images:
//
//	enc, err := encoder.Load("runs/quickstart-20260102-150405-1a2b")
//	...
//	features, err := enc.Embed(img) // [][]float32, one of enc.Dim() numbers
//
// Samples are made ready as the evaluation of the run makes them: images are resized, cut and normalised, rows scaled,
// texts numbered. An Encoder serves any number of goroutines. A program that carries the file in itself (go:embed)
// gives its bytes to Read.
//
// The package is also what the other packages have of a frozen encoder: its description, Config, and its graph, Frozen.
package encoder

package encoder_test

import (
	"fmt"
	"image"
	"log"

	"selfsup/encoder"
)

// An exported file is all that an encoder needs; the path may be a run folder's too.
func ExampleLoad() {
	enc, err := encoder.Load("../examples/neighbours/encoder.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	features, err := enc.Embed(image.NewGray(image.Rect(0, 0, 28, 28)), image.NewRGBA(image.Rect(0, 0, 640, 480)))
	if err != nil {
		log.Fatal(err)
	}
	c := enc.Config()
	fmt.Printf("%s of %dx%dx%d: %d rows of %d numbers\n", c.Backbone, c.Height, c.Width, c.Channels, len(features),
		enc.Dim())
	// Output: convnet of 28x28x1: 2 rows of 64 numbers
}

package page

// Pictures is what the encoder of a run makes of images.
type Pictures struct {
}

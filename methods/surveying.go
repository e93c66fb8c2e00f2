package methods

import "selfsup/graph"

// What a Surveying method tells of a pixel.
const (
	Depth  = "depth"  // how far away what it shows is, in any unit
	Moving = "moving" // how likely it is that what it shows moves by itself
)

// Surveying is a Method that tells of every pixel of a frame what nobody has labelled, which evaluations compare with
// the truth where that is known.
type Surveying interface {
	Method
	// Surveys is Depth or Moving.
	Surveys() string
	// Survey builds, over the parameters of Build, what it tells of the frame of number Surveyed of views x
	// [B,F,H,W,C]: [B,H,W]. Nothing is trained by it.
	Survey(s *graph.Scope, enc Encoder, b *Batch, x *graph.Node) *graph.Node
}

// Surveyed is the number of the frame, of so many of a view, of which a Surveying method tells.
func Surveyed(frames int) int { return frames / 2 }

// Riding is a Method that tells from a view how the camera has moved, which an evaluation compares with the truth where
// that is known.
type Riding interface {
	Method
	// Ride builds, over the parameters of Build, the way [B,2] from the first frame of views x [B,F,H,W,C] to the last,
	// as the field camera has it. Nothing is trained by it.
	Ride(s *graph.Scope, enc Encoder, b *Batch, x *graph.Node) *graph.Node
}

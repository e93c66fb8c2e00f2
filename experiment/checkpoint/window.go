package checkpoint

import (
	"encoding/json"
	"fmt"
	"strconv"

	"selfsup/experiment/folder"
)

// Window is what a line of metrics has gathered when it is not yet written: going on from the checkpoint gives the same
// line.
type Window struct {
	Steps int   `json:"steps"` // since the line before
	Sums  []Sum `json:"sums"`
}

// Sum is the sum of an output of the training step over a Window.
type Sum struct {
	Name  string `json:"name"`
	Value Real   `json:"value"`
	Steps int    `json:"steps"` // that gave a number
}

// Real is a float64 that JSON holds to the last bit, those that are no number included.
type Real float64

// Gradients are lengths of the gradient of the encoder's first layer.
type Gradients struct {
	Recent  []Real `json:"recent"`  // in the last steps, the oldest first
	Largest Real   `json:"largest"` // since the last line of metrics
}

// MarshalJSON writes a number, or a string where JSON has no number.
func (r Real) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(r), 'g', -1, 64)
	if !json.Valid([]byte(text)) {
		return json.Marshal(text)
	}
	return []byte(text), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Real) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%s is no number", data)
	}
	*r = Real(f)
	return nil
}

// RemoveStale removes what processes that were killed while they saved left in a folder of checkpoints, which may not
// be there.
func RemoveStale(dir string) error { return folder.RemoveStaleOf(dir, next, best) }

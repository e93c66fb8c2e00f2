package recipes

import (
	"selfsup/heads"
	"selfsup/recipes/overlay"
)

// Projector is how the projector of the method differs from what the method says, `[projector]`: its norms, the form of
// its linear layers, and whether these learn. Its widths are the method's.
type Projector struct {
	overlay.Optional
	heads.Projector
}

package images

import (
	"selfsup/internal/room"
	"selfsup/setting"
)

// keepable is how much of what a recipe lets a set keep decoded it does keep: at most half of the memory that is left,
// since the training needs the other. A set that is larger is decoded on demand, to the same pixels.
func keepable(asked setting.Size, left room.Room) setting.Size {
	return min(asked, setting.Size(left.Bytes/2))
}

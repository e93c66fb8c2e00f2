package images

import (
	"testing"

	"selfsup/internal/room"
	"selfsup/setting"
)

func TestKeepable(t *testing.T) {
	for _, c := range []struct {
		asked setting.Size
		left  room.Room
		want  setting.Size
	}{
		{1 << 30, room.Unlimited, 1 << 30},
		{1 << 30, room.Room{Bytes: 4 << 30}, 1 << 30},
		{1 << 30, room.Room{Bytes: 1 << 30}, 512 << 20},
		{0, room.Room{Bytes: 1 << 30}, 0},
		{1 << 30, room.Room{}, 0},
	} {
		if got := keepable(c.asked, c.left); got != c.want {
			t.Errorf("of %v with %d bytes left %v are kept, want %v", c.asked, c.left.Bytes, got, c.want)
		}
	}
}

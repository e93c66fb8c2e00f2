package images

import (
	"errors"
	"math"
	"strings"

	"selfsup/datasets/disk"
)

// fileIndex is the files of a set in little memory: 12 bytes for each, the end of its name, and for a file in a store
// of many 16 more.
type fileIndex struct {
	parents []parent
	parent  []uint32 // of each file
	names   []byte   // of all files below their parents, one after another
	end     []uint32 // of each file's name
	label   []int32
	span    []span64 // nil: every file is a store's only one
}

// parent is what names of a folder or of a shard begin with, and the store that holds the files.
type parent struct {
	prefix string
	from   disk.Store
}

// span64 is where a file lies in a store of many.
type span64 struct{ at, size int64 }

// newFileIndex is the index of the files that are kept, in order.
func newFileIndex(files []disk.File, keep func(i int) bool) (fileIndex, error) {
	n, letters, many := 0, 0, false
	for i := range files {
		if f := &files[i]; keep(i) {
			n, letters, many = n+1, letters+len(f.Name)-baseStart(f), many || f.At != 0 || f.Size != 0
		}
	}
	if letters > math.MaxUint32 {
		return fileIndex{}, errors.New("the names take more than 4 GiB")
	}
	x := fileIndexer{fileIndex: fileIndex{
		parent: make([]uint32, 0, n), names: make([]byte, 0, letters), end: make([]uint32, 0, n),
		label: make([]int32, 0, n),
	}}
	if many {
		x.span = make([]span64, 0, n)
	}
	for i := range files {
		if !keep(i) {
			continue
		}
		f := &files[i]
		x.parent = append(x.parent, x.at(parent{f.Name[:baseStart(f)], f.From}))
		x.names = append(x.names, f.Name[baseStart(f):]...)
		x.end = append(x.end, uint32(len(x.names)))
		x.label = append(x.label, int32(f.Label))
		if many {
			x.span = append(x.span, span64{f.At, f.Size})
		}
	}
	return x.fileIndex, nil
}

// baseStart is where the file's name begins below its folder or shard.
func baseStart(f *disk.File) int { return strings.LastIndexAny(f.Name, `/\:`) + 1 }

// fileIndexer finds the parent of one file after another.
type fileIndexer struct {
	fileIndex
	known map[parent]uint32
}

// at is the number of a parent. Files in memory have each their own.
func (x *fileIndexer) at(p parent) uint32 {
	_, lone := p.from.(disk.InMemory) // which does not compare
	if !lone {
		if i, ok := x.known[p]; ok {
			return i
		}
	}
	i := uint32(len(x.parents))
	p.prefix = strings.Clone(p.prefix) // lets go of the file's name
	x.parents = append(x.parents, p)
	if !lone {
		if x.known == nil {
			x.known = map[parent]uint32{}
		}
		x.known[p] = i
	}
	return i
}

func (x *fileIndex) len() int { return len(x.parent) }

func (x *fileIndex) name(i int) string {
	from := uint32(0)
	if i > 0 {
		from = x.end[i-1]
	}
	return x.parents[x.parent[i]].prefix + string(x.names[from:x.end[i]])
}

// file is file i without its class.
func (x *fileIndex) file(i int) disk.File {
	f := disk.File{Name: x.name(i), Label: int(x.label[i]), From: x.parents[x.parent[i]].from}
	if x.span != nil {
		f.At, f.Size = x.span[i].at, x.span[i].size
	}
	return f
}

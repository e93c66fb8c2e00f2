// Package kernels holds the CUDA kernels as PTX, made by clang from the .cu files beside it and committed. No CUDA
// toolkit is needed to build, and a user's machine needs its driver alone, which compiles PTX for its GPU.
package kernels

import (
	"embed"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:generate go run selfsup/tools/cuda ptx

//go:embed *.ptx
var files embed.FS

// Module is the text of one file of kernels.
type Module struct {
	Name    string // without .ptx
	PTX     string
	Kernels []string // entries, in the file's order
}

var entry = regexp.MustCompile(`(?m)^\s*\.visible \.entry (\w+)\(`)

// Modules are all files, in order of their names. They are read when they are asked for the first time: ten megabytes.
var Modules = sync.OnceValue(read)

func read() (all []Module) {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		text, err := files.ReadFile(path.Join(".", e.Name()))
		if err != nil {
			panic(err)
		}
		m := Module{Name: strings.TrimSuffix(e.Name(), ".ptx"), PTX: string(text)}
		for _, k := range entry.FindAllStringSubmatch(m.PTX, -1) {
			m.Kernels = append(m.Kernels, k[1])
		}
		all = append(all, m)
	}
	return all
}

// Of is the module that has a kernel.
func Of(kernel string) (Module, bool) {
	for _, m := range Modules() {
		if slices.Contains(m.Kernels, kernel) {
			return m, true
		}
	}
	return Module{}, false
}

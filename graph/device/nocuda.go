//go:build !gpu || !cgo

package device

import "fmt"

// checkCUDA refuses a GPU: this binary is built without.
func checkCUDA(name string) error {
	return fmt.Errorf("%q: this binary has no CUDA backend, %s; build one that has it with go run ./tools/cuda build, "+
		"or use device = \"cpu\"", name, without)
}

func openCUDA(name string, _ Options) (Device, error) { return nil, checkCUDA(name) }

// GPUs describes the GPUs of this machine; it is an error where this binary cannot know.
func GPUs() ([]About, error) { return nil, checkCUDA("cuda") }

// Package mpi is comm over a library of MPI that is opened at run time: nothing of it is needed when a program is
// built, and a program that is started alone opens none.
package mpi

import (
	"fmt"
	"strings"

	"selfsup/graph/comm"
)

// abi holds the numbers by which a library of MPI calls its communicators, types and operations.
type abi struct {
	name    string
	inPlace uintptr // MPI_IN_PLACE

	world, float, double, bytes, sum, most uintptr
}

// family is a kind of library: the files that it comes in, by preference, and what its handles are.
type family struct {
	files []string
	// ours reports whether a library that calls itself so is of the family.
	ours func(version string) bool
	// handles are its numbers; symbol finds the address of a variable of the library.
	handles func(symbol func(name string) (uintptr, error)) (abi, error)
}

// families lists the kinds of libraries that are known. Which is tried first depends on the launcher.
var families = []family{openMPIFamily, mpichFamily, standardFamily}

// familyOf is the kind of a library by its file and the text of its version. A library of a kind that nobody knows is
// an error with that text: its handles would be wrong.
func familyOf(file, version string) (family, error) {
	if strings.Contains(file, "libmpi_abi") {
		return standardFamily, nil
	}
	for _, f := range []family{openMPIFamily, mpichFamily} {
		if f.ours(version) {
			return f, nil
		}
	}
	first, _, _ := strings.Cut(version, "\n")
	return family{}, fmt.Errorf("mpi: %s is a library of MPI with an ABI that is not known here: %q; want Open MPI 4 "+
		"or 5, one of the MPICH family, or libmpi_abi of MPI 5", file, first)
}

// ordered is the families with that of the launcher first.
func ordered(j comm.Job) []family {
	if j.By == "PMI_RANK" {
		return []family{mpichFamily, standardFamily, openMPIFamily}
	}
	return families
}

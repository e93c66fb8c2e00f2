package mpi

import "strings"

// mpichFamily is the ABI that MPICH, Intel MPI, MVAPICH and Cray MPICH agreed on in 2013: handles are numbers.
var mpichFamily = family{
	files: []string{"libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib", "libmpi_cray.so.12"},
	ours: func(version string) bool {
		for _, name := range []string{"MPICH", "Intel(R) MPI", "MVAPICH", "CRAY MPICH"} {
			if strings.Contains(version, name) {
				return true
			}
		}
		return false
	},
	handles: func(func(string) (uintptr, error)) (abi, error) {
		return abi{name: "MPICH", inPlace: ^uintptr(0), world: 0x44000000, float: 0x4c00040a, double: 0x4c00080b,
			bytes: 0x4c00010d, sum: 0x58000003, most: 0x58000001}, nil
	},
}

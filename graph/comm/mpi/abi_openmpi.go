package mpi

import "strings"

// openMPIFamily is Open MPI 4 and 5, which share an ABI: handles are addresses of variables of the library.
var openMPIFamily = family{
	files: []string{"libmpi.so.40", "libmpi.40.dylib"},
	ours:  func(version string) bool { return strings.HasPrefix(version, "Open MPI v4") || isOpenMPI5(version) },
	handles: func(symbol func(string) (uintptr, error)) (a abi, err error) {
		a = abi{name: "Open MPI", inPlace: 1}
		for _, h := range []struct {
			to   *uintptr
			name string
		}{
			{&a.world, "ompi_mpi_comm_world"}, {&a.float, "ompi_mpi_float"}, {&a.double, "ompi_mpi_double"},
			{&a.bytes, "ompi_mpi_byte"}, {&a.sum, "ompi_mpi_op_sum"}, {&a.most, "ompi_mpi_op_max"},
		} {
			if *h.to, err = symbol(h.name); err != nil {
				return a, err
			}
		}
		return a, nil
	},
}

func isOpenMPI5(version string) bool { return strings.HasPrefix(version, "Open MPI v5") }

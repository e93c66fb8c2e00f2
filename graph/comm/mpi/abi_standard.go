package mpi

// standardFamily is the ABI of the MPI standard, version 5.0, chapter 20: handles are small numbers.
var standardFamily = family{
	files: []string{"libmpi_abi.so.0", "libmpi_abi.so.1", "libmpi_abi.so", "libmpi_abi.dylib"},
	ours:  func(string) bool { return false }, // its file says so, not its version
	handles: func(func(string) (uintptr, error)) (abi, error) {
		return abi{name: "MPI 5 ABI", inPlace: 1, world: 0x101, float: 0x210, double: 0x214, bytes: 0x247, sum: 0x21,
			most: 0x24}, nil
	},
}

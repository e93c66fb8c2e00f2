package mpi

import (
	"strings"
	"testing"
)

func TestFamilies(t *testing.T) {
	for version, want := range map[string]string{
		"Open MPI v4.1.4, package: Debian":          "Open MPI",
		"Open MPI v5.0.3":                           "Open MPI",
		"MPICH Version:\t4.0.2":                     "MPICH",
		"Intel(R) MPI Library 2021.5 for Linux* OS": "MPICH",
		"MVAPICH2 Version      :\t2.3.6":            "MPICH",
	} {
		f, err := familyOf("libmpi.so", version)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		a, _ := f.handles(func(string) (uintptr, error) { return 1, nil })
		if a.name != want {
			t.Errorf("%s is taken for %s, want %s", version, a.name, want)
		}
	}
	f, err := familyOf("/opt/lib/libmpi_abi.so.0", "Open MPI v6.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if a, _ := f.handles(nil); a.name != "MPI 5 ABI" {
		t.Errorf("libmpi_abi is taken for %s", a.name)
	}
	if _, err := familyOf("libmpi.so.40", "Platform MPI 9.1\nmore"); err == nil ||
		!strings.Contains(err.Error(), `"Platform MPI 9.1"`) {
		t.Errorf("an unknown library: got %v, want its version in an error", err)
	}
}

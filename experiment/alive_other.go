//go:build !unix

package experiment

// alive reports whether a process of this machine runs; here nobody can tell, and the launcher ends the others.
func alive(int) bool { return true }

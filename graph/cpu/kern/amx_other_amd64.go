//go:build !noasm && !linux

package kern

// hasAMX is false: how other systems grant the tiles is not known here.
func hasAMX() bool { return false }

//go:build noasm || !amd64

package kern

func (s *scatter) run() { s.generic() }

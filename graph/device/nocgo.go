//go:build gpu && !cgo

package device

const without = "as it was built with CGO_ENABLED=0"

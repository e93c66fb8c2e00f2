//go:build !gpu

package device

const without = "as it was built without -tags gpu"

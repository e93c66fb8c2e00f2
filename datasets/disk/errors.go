// Package disk is what sources of every kind read files with: folders and what is passed over in them, archives, text
// and its tables, errors that say what a reader can do.
package disk

import (
	"errors"
	"io"
	"os"
)

// Bare is an error of the file system without the path, which its user names.
func Bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// NoEOF names the end of a file for what it is here.
func NoEOF(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is truncated")
	}
	return err
}

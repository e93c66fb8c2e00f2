package datasets

import (
	"errors"
	"io"
	"os"
)

// bare is an error of the file system without the path, which its user names.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// noEOF names the end of a file for what it is here.
func noEOF(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is truncated")
	}
	return err
}

package experiment

import (
	"errors"
	"fmt"
	"strings"

	"selfsup/datasets"
	"selfsup/internal/callsite"
	"selfsup/recipes"
)

// OpenSource opens a recipe's data set, and says what is wrong with what a source of somebody else gives: the sources
// of this module check themselves. Its errors name the source and the line where its Open is declared.
func OpenSource(name string, src datasets.Source, env datasets.Env) (d *datasets.Data, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, &DataError{fmt.Errorf("[dataset.%s] %w", name, callsite.Panic(r))}
		}
	}()
	if d, err = src.Open(env); err != nil {
		return nil, &DataError{err}
	}
	if err := checkData(d); err != nil {
		at := callsite.Method(src, "Open")
		if at != "" {
			at = " (" + at + ")"
		}
		return nil, &DataError{fmt.Errorf("[dataset.%s] %w%s", name, err, at)}
	}
	return d, nil
}

// checkData checks what every set of images promises.
func checkData(d *datasets.Data) error {
	switch {
	case d == nil:
		return errors.New("the source's Open returns neither data nor an error")
	case d.Train == nil || d.Train.Len() == 0:
		return errors.New("the training set is empty")
	}
	_, images := d.Train.(datasets.Set)
	switch {
	case !images:
	case d.Channels != 1 && d.Channels != 3:
		return fmt.Errorf("its Channels is %d; want 1 (grey) or 3 (colour), as the images have", d.Channels)
	case d.Height < 0 || d.Width < 0 || (d.Height == 0) != (d.Width == 0):
		return fmt.Errorf("its Height is %d and its Width %d; want the size of every image, or 0 and 0 where "+
			"the sizes differ", d.Height, d.Width)
	}
	for _, part := range []struct {
		name string
		set  datasets.Labelled
	}{{"training", d.Train}, {"test", d.Test}} {
		if part.set == nil {
			continue
		}
		if err := checkSet(d, part.set); err != nil {
			return fmt.Errorf("%s set: %w", part.name, err)
		}
	}
	return nil
}

// checkSet checks every label, and the first image.
func checkSet(d *datasets.Data, set datasets.Labelled) error {
	if set.Len() == 0 {
		return errors.New("it is empty; want samples, or no set")
	}
	classes := len(set.Classes())
	for i := range set.Len() {
		if l := set.Label(i); l < -1 || l >= classes {
			return fmt.Errorf("sample %d, %s: label %d; want 0 to %d, the places in Classes, or -1 for none", i,
				set.Name(i), l, classes-1)
		}
	}
	images, ok := set.(datasets.Set)
	if !ok {
		return nil
	}
	var img datasets.Image
	if err := images.Image(0, &img); err != nil {
		return nil // it is named when its turn comes, or allowed to be left out
	}
	return checkImage(d, set.Name(0), &img)
}

// checkImage checks that an image is what the data says of all of them.
func checkImage(d *datasets.Data, name string, m *datasets.Image) error {
	switch {
	case m.H < 1 || m.W < 1 || len(m.Pix) != m.H*m.W*m.C:
		return fmt.Errorf("sample 0, %s: an image of %dx%dx%d with %d bytes; want %d", name, m.H, m.W, m.C, len(m.Pix),
			m.H*m.W*m.C)
	case m.C != d.Channels:
		return fmt.Errorf("sample 0, %s: an image of %d channels, and Channels is %d", name, m.C, d.Channels)
	case d.Height != 0 && (m.H != d.Height || m.W != d.Width):
		return fmt.Errorf("sample 0, %s: an image of %dx%d, and Height and Width are %d and %d; want the size "+
			"of all, or 0 and 0 where they differ",
			name, m.H, m.W, d.Height, d.Width)
	}
	return nil
}

// viewsError is a fault of the data where an image could not be measured, else of the recipe's [views].
func viewsError(r *recipes.Loaded, err error) error {
	var unread *datasets.ReadError
	if errors.As(err, &unread) {
		return &DataError{err}
	}
	return r.Result.Place("views", errors.New(strings.TrimPrefix(err.Error(), "views: ")))
}

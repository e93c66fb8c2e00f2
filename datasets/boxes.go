package datasets

import "fmt"

// Box is a rectangle of an image: its left, upper, right and lower edge, in shares of the image's width and height.
type Box struct{ X0, Y0, X1, Y1 float64 }

// Check refuses a box that is empty or not wholly inside the image.
func (b Box) Check() error {
	if !(b.X0 >= 0 && b.Y0 >= 0 && b.X1 <= 1 && b.Y1 <= 1) {
		return fmt.Errorf("box %v is outside the image; want 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1, inside it %v", b,
			Box{max(b.X0, 0), max(b.Y0, 0), min(b.X1, 1), min(b.Y1, 1)})
	}
	if !(b.X0 < b.X1 && b.Y0 < b.Y1) {
		return fmt.Errorf("box %v is empty; want x0 < x1 and y0 < y1", b)
	}
	return nil
}

// String has the edges in the order of the fields.
func (b Box) String() string { return fmt.Sprintf("[%.4g %.4g %.4g %.4g]", b.X0, b.Y0, b.X1, b.Y1) }

// Area is the share of the image that the box covers; 0 of an empty one.
func (b Box) Area() float64 { return max(b.X1-b.X0, 0) * max(b.Y1-b.Y0, 0) }

// Both is the part of the image that two boxes have in common, empty where they have none.
func (b Box) Both(o Box) Box {
	return Box{max(b.X0, o.X0), max(b.Y0, o.Y0), min(b.X1, o.X1), min(b.Y1, o.Y1)}
}

// IoU is the intersection of two boxes over their union, from 0 to 1; 0 where both are empty.
func (b Box) IoU(o Box) float64 {
	both := b.Both(o).Area()
	if both == 0 {
		return 0
	}
	return both / (b.Area() + o.Area() - both)
}

// ClassBox is a box of an object of a class.
type ClassBox struct {
	Box
	Class int
}

// BoxSet is a set of images whose objects have boxes.
type BoxSet interface {
	Set
	// BoxClasses names the classes of objects.
	BoxClasses() []string
	// MostBoxes is the largest number of boxes that an image has.
	MostBoxes() int
	// Boxes appends the boxes of image i to dst. They are inside the image.
	Boxes(i int, dst []ClassBox) ([]ClassBox, error)
}

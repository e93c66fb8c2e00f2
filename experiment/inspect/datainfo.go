package inspect

import (
	"fmt"
	"strings"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/experiment/report"
)

// DataInfo describes a data set.
type DataInfo struct {
	Source   string      `json:"source"`
	Channels int         `json:"channels"`
	LeftOut  int         `json:"left_out"` // images that were refused
	Refused  []Damaged   `json:"refused"`  // them, with the reason; of a pack they are not known
	Sets     []SetInfo   `json:"sets"`
	Classes  []ClassInfo `json:"classes"`
	Both     []Both      `json:"both"` // test images that are training images too, by their pixels
	Pack     *PackInfo   `json:"pack,omitempty"`
	Note     string      `json:"note,omitempty"` // on pixels that are all the same, or nearly
	Notes    []string    `json:"notes"`          // what was passed over, and which classes a part lacks
}

// SetInfo is one set.
type SetInfo struct {
	Set        string    `json:"set"` // train or test
	Images     int       `json:"images"`
	Unlabelled int       `json:"unlabelled"`
	Height     [2]int    `json:"height"`  // smallest and largest, pixels
	Width      [2]int    `json:"width"`   // the same
	Mean       []float64 `json:"mean"`    // of each channel, byte 255 is 1
	Std        []float64 `json:"std"`     // the same
	Decodes    bool      `json:"decodes"` // images are decoded each time they are read
}

// ClassInfo counts the images of a class.
type ClassInfo struct {
	Class string `json:"class"`
	Train int    `json:"train"`
	Test  int    `json:"test"`
}

// PackInfo holds the figures that only packs have.
type PackInfo struct {
	Files   int `json:"files"`   // images that are held as image files; the others are pixels
	Size    int `json:"size"`    // shorter side that larger images were reduced to; 0: as they were
	Quality int `json:"quality"` // of the JPEG files that were encoded; 0: none was
}

// Describe implements Readable, with a DataInfo: it counts classes, sizes, and pixels. Statistics that the set does not
// know take a pass over its images.
func (o *Opened) Describe() (fmt.Stringer, error) {
	d := &DataInfo{Source: o.Source, Channels: o.Channels, LeftOut: len(o.Skipped), Refused: refused(o.Skipped),
		Notes: append([]string{}, o.Notes...)}
	for _, name := range o.Train.Classes() {
		d.Classes = append(d.Classes, ClassInfo{Class: name})
	}
	var parts []labelledPart
	for _, part := range o.parts() {
		s := SetInfo{Set: part.name, Images: part.set.Len()}
		shaped, known := part.set.(datasets.Shaped)
		for i := range part.set.Len() {
			switch l := part.set.Label(i); {
			case l < 0:
				s.Unlabelled++
			case part.name == "test":
				d.Classes[l].Test++
			default:
				d.Classes[l].Train++
			}
			if known {
				h, w, _ := shaped.Shape(i)
				s.Height, s.Width = widen(s.Height, h), widen(s.Width, w)
			}
		}
		var err error
		read := labelledPart{name: part.name, set: part.set}
		if s.Mean, s.Std, read.contents, err = datasets.StatsAndContents(part.set); err != nil {
			return nil, &experiment.DataError{Err: err}
		}
		if parts = append(parts, read); read.contents == nil && o.Test != nil {
			d.Notes = append(d.Notes, "data verify tells whether images occur in both sets; here they are not read")
		}
		if part.name == "train" {
			d.Note = experiment.Faint(s.Mean, s.Std)
		}
		if x, ok := part.set.(datasets.Decoding); ok {
			s.Decodes = x.Decodes()
		}
		d.Sets = append(d.Sets, s)
	}
	var err error
	if d.Both, err = inBoth(parts); err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	if o.Pack != nil {
		m := o.Pack.Meta
		d.LeftOut = m.LeftOut
		d.Pack = &PackInfo{Files: o.Pack.Files(), Size: m.Size, Quality: m.Quality}
	}
	return d, nil
}

// fewNamed is how many images are named where all would be too many.
const fewNamed = 10

// widen makes [smallest, largest] hold v.
func widen(r [2]int, v int) [2]int {
	if r == [2]int{} {
		return [2]int{v, v}
	}
	return [2]int{min(r[0], v), max(r[1], v)}
}

// String is the information for people.
func (d *DataInfo) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "source      %s, %d classes\n", d.Source, len(d.Classes))
	if p := d.Pack; p != nil {
		fmt.Fprintf(&b, "pack        %d image files, the others pixels", p.Files)
		if p.Size > 0 {
			fmt.Fprintf(&b, "; reduced to a shorter side of %d", p.Size)
		}
		if p.Quality > 0 {
			fmt.Fprintf(&b, "; JPEG of quality %d", p.Quality)
		}
		b.WriteByte('\n')
	}
	if d.LeftOut > 0 {
		fmt.Fprintf(&b, "left out    %d images\n", d.LeftOut)
	}
	for i, r := range d.Refused {
		if i == fewNamed {
			fmt.Fprintf(&b, "            and %d more, which data verify names\n", len(d.Refused)-i)
			break
		}
		fmt.Fprintf(&b, "            %s: %s\n", r.Name, r.Error)
	}
	b.WriteString(describeBoth(d.Both))
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "note        %s\n", note)
	}
	t := report.Table{Header: []string{"set", "images", "no label", "height", "width", "channels", "mean", "std"}}
	for _, s := range d.Sets {
		t.Rows = append(t.Rows, []string{s.Set, fmt.Sprint(s.Images), fmt.Sprint(s.Unlabelled), span(s.Height),
			span(s.Width), fmt.Sprint(d.Channels), fmt.Sprintf("%.4f", s.Mean), fmt.Sprintf("%.4f", s.Std)})
	}
	fmt.Fprintf(&b, "\n%s", t)
	if len(d.Classes) > 0 {
		t = report.Table{Header: []string{"class", "train", "test"}}
		for _, c := range d.Classes {
			t.Rows = append(t.Rows, []string{c.Class, fmt.Sprint(c.Train), fmt.Sprint(c.Test)})
		}
		fmt.Fprintf(&b, "\n%s", t)
	}
	if d.Note != "" {
		fmt.Fprintf(&b, "\nnote: %s\n", d.Note)
	}
	return b.String()
}

// span prints a range of sizes.
func span(r [2]int) string {
	if r[0] == r[1] {
		return fmt.Sprint(r[0])
	}
	return fmt.Sprintf("%d-%d", r[0], r[1])
}

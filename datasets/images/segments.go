package images

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// Segments reads images with a mask each: root/{train,val}/images/NAME.png and root/{train,val}/masks/NAME.png, or one
// part without those folders. The mask has the image's name, up to the extension, and its size.
//
//	[data.masks]
//	root = "nuclei-128"
//	values = [0, 255]                  # of the masks' pixels: grey levels
//	classes = ["background", "nucleus"]
//
//	[data.masks]
//	train = "VOC2012"
//	values = [0, 1, 2, 3]              # indices of the palette
//	ignore = [255]                     # outlines belong to no class
//
// The value of a mask's pixel is the number that the file stores: of a palette image the index, of 16 bits the whole
// sample (see codec.Decoder.Values); a mask in colours is refused. Masks are kept in memory where all of them fit it,
// apart from the images. Where the settings resize the images, masks follow by the nearest pixel.
type Segments struct {
	// directory that holds train, and val or test (val if both); in place of the next two
	Root    string `toml:"root"`
	Train   string `toml:"train"`  // directory that holds the folders images and masks
	Test    string `toml:"test"`   // the same; empty: test_fraction of train
	ImageIn string `toml:"images"` // folder of the images
	MaskIn  string `toml:"masks"`  // folder of the masks
	Suffix  string `toml:"suffix"` // what the name of a mask has beyond the image's, such as "_mask"
	// value of each class of pixels: a grey level, or an index of the palette; any other is refused
	Values  []int    `toml:"values"`
	Ignore  []int    `toml:"ignore"`  // values of pixels that belong to no class
	Classes []string `toml:"classes"` // names of the classes; empty: the values
	datasets.Split
	Files
}

// NewSegments reads masks of black and white, and keeps a fifth of the pairs for the test where there is no test set.
func NewSegments() *Segments {
	return &Segments{ImageIn: "images", MaskIn: "masks", Values: []int{0, 255},
		Split: datasets.Split{TestFraction: 0.2},
		Files: DefaultFiles()}
}

// Validate checks the settings.
func (s *Segments) Validate() error {
	switch {
	case s.Root == "" && s.Train == "":
		return errors.New("train is empty; want a directory with images and masks, or root = a directory that " +
			"holds train and val")
	case s.Root != "" && s.Train+s.Test != "":
		return fmt.Errorf("root = %q with train = %q and test = %q; want root or the other two", s.Root, s.Train,
			s.Test)
	case s.ImageIn == "" || s.MaskIn == "" || s.ImageIn == s.MaskIn && s.Suffix == "":
		return fmt.Errorf("images = %q and masks = %q, want two folders", s.ImageIn, s.MaskIn)
	case len(s.Classes) != 0 && len(s.Classes) != len(s.Values):
		return fmt.Errorf("classes has %d names, want one for each of the %d values", len(s.Classes), len(s.Values))
	}
	values := classOf{values: s.Values, ignore: s.Ignore}
	return errors.Join(values.Validate(), s.Split.Validate(), s.Files.Validate())
}

// PathKeys implements Located.
func (s *Segments) PathKeys() []string { return []string{"root", "train", "test"} }

// Open reads every mask and every image once.
func (s *Segments) Open(env datasets.Env) (*datasets.Data, error) {
	fail := func(err error) (*datasets.Data, error) { return nil, fmt.Errorf("datasets: masks: %w", err) }
	if err := s.Validate(); err != nil {
		return fail(err)
	}
	dirs := Folder{Root: s.Root, Train: s.Train, Test: s.Test}
	where, dir, err := dirs.dirs(env)
	if err != nil {
		return fail(err)
	}
	p := pairer{Segments: s, masks: map[string]disk.File{}}
	train, err := p.below(dir.Train)
	if err != nil {
		return fail(err)
	}
	var test []disk.File
	var split *datasets.Split
	if dir.Test == "" {
		split = &s.Split
	} else if test, err = p.below(dir.Test); err != nil {
		return fail(err)
	}
	kept := p.check(&train, &test)
	d, err := OpenFiles(Found{Where: "masks: " + strings.TrimPrefix(where, "folder "), Train: train, Test: test,
		Split: split, Skipped: p.skipped, Others: p.others, Notes: dir.Notes}, s.Files)
	if err != nil {
		return nil, err
	}
	d.Roots = env.Roots(s.Root, s.Train, s.Test)
	d.Train = p.set(d.Train.(*fileSet), kept)
	if d.Test != nil {
		d.Test = p.set(d.Test.(*fileSet), kept)
	}
	return d, nil
}

// pairer finds the mask of each image.
type pairer struct {
	*Segments
	masks   map[string]disk.File // by the image's path
	skipped []datasets.Skip
	others  disk.PassedOver
}

func (p *pairer) refuse(name string, err error) {
	p.skipped = append(p.skipped, datasets.Skip{Name: name, Err: err})
}

// below is the images of a part that have a mask.
func (p *pairer) below(dir string) (paired []disk.File, err error) {
	images, err := p.named(filepath.Join(dir, p.ImageIn), "")
	if err != nil {
		return nil, err
	}
	masks, err := p.named(filepath.Join(dir, p.MaskIn), p.Suffix)
	if err != nil {
		return nil, err
	}
	byKey := map[string]disk.File{}
	for _, m := range masks {
		byKey[m.Class] = m
	}
	for _, f := range images {
		m, ok := byKey[f.Class]
		if !ok {
			p.refuse(f.Name, fmt.Errorf("no mask %s.*", filepath.Join(dir, p.MaskIn, f.Class+p.Suffix)))
			continue
		}
		delete(byKey, f.Class)
		f.Class = ""
		p.masks[f.Name] = m
		paired = append(paired, f)
	}
	for _, m := range masks {
		if _, left := byKey[m.Class]; left {
			p.refuse(m.Name, fmt.Errorf("a mask without an image %s.*", filepath.Join(dir, p.ImageIn, m.Class)))
		}
	}
	return paired, nil
}

// named lists the images below a folder; class is their path in it without suffix and extension. Those without the
// suffix are passed over.
func (p *pairer) named(dir, suffix string) (files []disk.File, err error) {
	w := disk.Walker{Dir: dir, Classless: true}
	if err := w.Walk(); err != nil {
		return nil, err
	}
	p.others.Join(w.Others)
	seen := map[string]string{}
	for _, f := range w.Files {
		rel, err := filepath.Rel(dir, f.Name)
		if err != nil {
			return nil, err
		}
		key, ok := strings.CutSuffix(strings.TrimSuffix(rel, filepath.Ext(rel)), suffix)
		if !ok {
			continue
		}
		if other := seen[key]; other != "" {
			return nil, fmt.Errorf("%s and %s differ in the extension alone; remove one", other, f.Name)
		}
		seen[key] = f.Name
		f.Class = key
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no images in %s whose names end in %q and an extension", dir, suffix)
	}
	return files, nil
}

// check reads every mask, and drops the images whose mask is refused. It returns the masks that fit the memory.
func (p *pairer) check(lists ...*[]disk.File) map[string]datasets.Image {
	all := []disk.File{}
	for _, l := range lists {
		all = append(all, *l...)
	}
	errs := make([]error, len(all))
	masks := make([]datasets.Image, len(all))
	var size atomic.Int64
	d := p.decoding()
	p.each(all, func(i int, w *worker) {
		image, err := p.Files.size(&all[i], w)
		if err != nil {
			return // the image is refused when it is decoded
		}
		mask := p.masks[all[i].Name]
		if errs[i] = d.mask(&mask, &w.out, image); errs[i] != nil {
			return
		}
		if size.Add(int64(len(w.out.Pix))) <= int64(p.Memory) {
			masks[i] = datasets.Image{H: w.out.H, W: w.out.W, C: 1, Pix: bytes.Clone(w.out.Pix)}
		}
	})
	at := 0
	for _, l := range lists {
		var good []disk.File
		for _, f := range *l {
			if errs[at] == nil {
				good = append(good, f)
			} else {
				p.refuse(p.masks[f.Name].Name, errs[at])
			}
			at++
		}
		*l = good
	}
	if size.Load() > int64(p.Memory) {
		return nil
	}
	kept := map[string]datasets.Image{}
	for i, f := range all {
		kept[f.Name] = masks[i]
	}
	return kept
}

// size is the size of an image as its file has it.
func (s *Files) size(f *disk.File, w *worker) (shape, error) {
	whole := *s
	whole.Resize = 0
	return whole.header(f, w)
}

// set pairs the images that are left with their masks.
func (p *pairer) set(images *fileSet, kept map[string]datasets.Image) *maskSet {
	s := &maskSet{fileSet: images, decoding: p.decoding()}
	for i, v := range p.Values {
		name := fmt.Sprint(v)
		if len(p.Classes) > 0 {
			name = p.Classes[i]
		}
		s.names = append(s.names, name)
	}
	for i := range images.Len() {
		name := images.Name(i)
		s.masks = append(s.masks, p.masks[name])
		if kept != nil {
			s.kept = append(s.kept, kept[name])
		}
	}
	return s
}

func (p *pairer) decoding() *maskDecoding {
	opt := p.Files
	d := &maskDecoding{opt: opt, classOf: newClassOf(p.Values, p.Ignore)}
	d.workers.New = func() any { return opt.worker() }
	return d
}

// maskDecoding turns files into classes of pixels.
type maskDecoding struct {
	classOf
	opt     Files
	workers sync.Pool
}

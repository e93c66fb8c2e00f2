// Package scenes draws a data set of its own: small worlds of objects before photographs, of which everything is known
// that dense, video and two-modality methods learn or are judged by. A scene gives an image, or a clip with its sound;
// and with each frame the objects' boxes and masks, the depth and the motion of every pixel, and words that describe
// it.
package scenes

import (
	"errors"
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/setting"
)

// Scenes is a seeded generator of scenes: several drawn objects of ten classes (mammal, bird, insect, flower, fruit,
// vehicle, instrument, tool, shoe, drink; ten drawings each) in an order of depth before a photograph.
//
// The world is seen by a camera that moves sideways. An object at depth z is 1/z as large as at depth 1 and moves 1/z
// as fast on the image; the ground is the photograph, half as far again as the farthest object. Objects drift, and each
// bounces on a floor of its own; an impact makes the sound of its class. Nearer objects hide others. Scene i is drawn
// from the seed and i alone, so that samples are the same whatever reads them, in any order.
//
// An image is the first frame of a clip. Its label is the class of the nearest object, which nothing hides. Its masks
// have a class for each pixel: ground, or that of the object to be seen there. It has two captions, one by names of
// drawings and one by classes, nearest first: "a duck in front of a red apple, before grass". Boxes are around the
// pixels that are to be seen of an object, where they are at least a tenth of its square. Training and test scenes
// show the same drawings and photographs, never the same scene.
//
// Drawings are Google's Noto Emoji (Apache License 2.0), photographs those of scikit-image (CC0 and public domain); the
// program has them in it.
type Scenes struct {
	Count    int        `toml:"count"`    // training scenes
	Held     int        `toml:"held"`     // test scenes; 0: none
	Form     string     `toml:"samples"`  // images | clips | sounds
	Size     int        `toml:"size"`     // height and width of an image, in pixels
	Objects  [2]int     `toml:"objects"`  // fewest and most objects of a scene
	Scale    [2]float64 `toml:"scale"`    // side of the farthest and of the nearest object's square, in images' sides
	Rotation float64    `toml:"rotation"` // of an object, at most, to either side; in degrees
	Camera   float64    `toml:"camera"`   // fastest camera, in images' sides a second at depth 1
	Drift    float64    `toml:"drift"`    // fastest object, in images' sides a second at depth 1
	// height of the lowest and of the highest bounces, in images' sides at depth 1; of 0 they are silent
	Bounce [2]float64 `toml:"bounce"`
	Frames int        `toml:"frames"` // of a clip, and of the film whose sound is a sample
	Rate   float64    `toml:"rate"`   // frames a second
	Seed   uint64     `toml:"seed"`   // of all scenes; apart from the run's seed, so that seeds compare
}

// New has 4,000 + 1,000 images of 64x64.
func New() *Scenes {
	return &Scenes{Count: 4000, Held: 1000, Form: "images", Size: 64, Objects: [2]int{1, 4},
		Scale: [2]float64{0.25, 0.5}, Rotation: 20, Camera: 0.5, Drift: 0.3, Bounce: [2]float64{0.1, 0.3},
		Frames: 8, Rate: 8}
}

// mostObjects bounds the objects of a scene.
const mostObjects = 8

// Validate checks the settings.
func (s *Scenes) Validate() error {
	bad := []error{setting.Least("count", s.Count, 1), setting.Least("held", s.Held, 0), setting.Least("size", s.Size,
		16), setting.Least("frames", s.Frames, 1), setting.Within("rotation", s.Rotation, 0, 180),
		setting.Within("camera", s.Camera, 0, 100), setting.Within("drift", s.Drift, 0, 100), setting.Positive("rate",
			s.Rate)}
	if s.Size > 1024 {
		bad = append(bad, setting.Bad("size", "%d: want at most 1024 pixels", s.Size))
	}
	if o := s.Objects; o[0] < 1 || o[1] < o[0] || o[1] > mostObjects {
		bad = append(bad, setting.Bad("objects", "%v: want the fewest and the most, from 1 to %d", o, mostObjects))
	}
	if c := s.Scale; !(c[0] >= 0.05 && c[0] <= c[1] && c[1] <= 1) {
		bad = append(bad, setting.Bad("scale", "%v: want the farthest and the nearest object's side, from 0.05 to 1",
			c))
	}
	if b := s.Bounce; !(b[0] >= 0 && b[0] <= b[1] && b[1] <= 100) {
		bad = append(bad, setting.Bad("bounce", "%v: want the lowest and the highest height, from 0 to 100", b))
	}
	if s.Form != "images" && s.Form != "clips" && s.Form != "sounds" {
		bad = append(bad, setting.Bad("samples", "%q: want \"images\", \"clips\" or \"sounds\"", s.Form))
	}
	if s.Form == "sounds" && s.Duration()*SoundRate < 1 {
		bad = append(bad, setting.Bad("frames", "%d: at %v frames a second they last no sample of sound", s.Frames,
			s.Rate))
	}
	return errors.Join(bad...)
}

// Duration is how long a clip and its sound last, in seconds.
func (s *Scenes) Duration() float64 { return float64(s.Frames) / s.Rate }

// Samples implements datasets.Kinded.
func (s *Scenes) Samples() string {
	switch s.Form {
	case "clips":
		return datasets.ClipsWithSound
	case "sounds":
		return datasets.WavesWithCaptions
	}
	return datasets.WithCaptions
}

// Open implements datasets.Source.
func (s *Scenes) Open(datasets.Env) (*datasets.Data, error) {
	train, err := s.Set("train", s.Count)
	if err != nil {
		return nil, err
	}
	test, err := s.Set("test", s.Held)
	if err != nil {
		return nil, err
	}
	d := &datasets.Data{Train: s.as(train)}
	if s.Held > 0 {
		d.Test = s.as(test)
	}
	return d, d.Check("scenes")
}

// as is scenes as samples of the kind that the settings name.
func (s *Scenes) as(set *Set) datasets.Labelled {
	switch s.Form {
	case "clips":
		return &clipSet{set, &soundSet{set}}
	case "sounds":
		return &soundSet{set}
	}
	return &imageSet{set}
}

// Set is scenes of one part of the data.
type Set struct {
	*Scenes
	*material
	part string
	n    int
}

// Set is n scenes of a part, "train" or "test" in recipes: scenes of different parts are unrelated.
func (s *Scenes) Set(part string, n int) (*Set, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("datasets: scenes: %w", err)
	}
	m, err := loaded()
	if err != nil {
		return nil, err
	}
	return &Set{s, m, part, n}, nil
}

// Object is something of a scene, its lengths in sides of the image and its times in seconds.
type Object struct {
	Class, Drawing int     // among the classes; among the drawings of the class
	Depth          float64 // from 1 on
	Side           float64 // of its square on the image
	X, Y           float64 // centre of its square on the image at time 0
	Angle          float64 // radians
	Mirrored       bool
	Velocity       [2]float64 // of its drift on the image, to the right and down
	Height         float64    // of its bounces on the image
	Period, Phase  float64    // of its bounces; the share of a bounce that has passed at time 0
}

// Scene is one world.
type Scene struct {
	Objects []Object   // nearest first
	Camera  [2]float64 // its velocity at depth 1, to the right and down
	Ground  int        // the photograph
	Depth   float64    // of the ground
	// of the photograph: left and upper edge in shares of what the side leaves, and the side in shares of the shorter
	crop     [3]float64
	mirrored bool
}

// Scene draws scene i.
func (s *Set) Scene(i int) *Scene {
	r := datasets.NewRand(s.Seed, "scenes/"+s.part, uint64(i))
	farthest := s.Scale[1] / s.Scale[0]
	w := &Scene{Ground: r.Intn(len(s.grounds)), Depth: 1.5 * farthest, mirrored: r.Chance(0.5)}
	w.crop = [3]float64{r.Float64(), r.Float64(), r.Uniform(0.35, 1)}
	w.Camera = within(&r, s.Scenes.Camera)
	w.Objects = make([]Object, s.Objects[0]+r.Intn(s.Objects[1]-s.Objects[0]+1))
	for k := range w.Objects {
		o := &w.Objects[k]
		o.Depth = r.Uniform(1, farthest)
		for j := k; j > 0 && w.Objects[j].Depth < w.Objects[j-1].Depth; j-- {
			w.Objects[j], w.Objects[j-1] = w.Objects[j-1], w.Objects[j]
		}
	}
	for k := range w.Objects {
		o := &w.Objects[k]
		o.Class, o.Drawing = r.Intn(len(s.classes)), r.Intn(s.perClass)
		o.Side = s.Scale[1] / o.Depth
		o.place(&r, w.Objects[:k])
		o.Angle, o.Mirrored = r.Uniform(-1, 1)*s.Rotation*math.Pi/180, r.Chance(0.5)
		v := within(&r, s.Drift)
		o.Velocity = [2]float64{v[0] / o.Depth, v[1] / o.Depth}
		o.Height = r.Uniform(s.Bounce[0], s.Bounce[1]) / o.Depth
		o.Period, o.Phase = r.Uniform(0.4, 0.9), r.Float64()
	}
	return w
}

// within is a vector of a length from 0 to most, in any direction.
func within(r *datasets.Rand, most float64) [2]float64 {
	sin, cos := math.Sincos(2 * math.Pi * r.Float64())
	v := most * r.Float64()
	return [2]float64{v * cos, v * sin}
}

// Placing an object.
const (
	inside = 0.4  // of its side that its centre is inside the image, at least
	apart  = 0.55 // of the mean of two sides that their centres are apart, where a place for that is found
	tries  = 24
)

// place gives an object the first of several random places that is apart from the objects before, or the one that is
// farthest apart.
func (o *Object) place(r *datasets.Rand, before []Object) {
	best := -1.0
	margin := inside * o.Side
	for range tries {
		x, y := r.Uniform(margin, 1-margin), r.Uniform(margin, 1-margin)
		distance := math.Inf(1)
		for _, p := range before {
			distance = min(distance, math.Hypot(x-p.X, y-p.Y)*2/(o.Side+p.Side))
		}
		if distance > best {
			o.X, o.Y, best = x, y, distance
		}
		if best >= apart {
			return
		}
	}
}

// lifted is how high a bouncing object is above its floor, at a time.
func (o *Object) lifted(t float64) float64 {
	u := t/o.Period + o.Phase
	u = 2*(u-math.Floor(u)) - 1
	return o.Height * (1 - u*u)
}

// At is the centre of an object's square on the image, at a time.
func (w *Scene) At(k int, t float64) (x, y float64) {
	o := &w.Objects[k]
	x = o.X + (o.Velocity[0]-w.Camera[0]/o.Depth)*t
	y = o.Y + (o.Velocity[1]-w.Camera[1]/o.Depth)*t + o.lifted(0) - o.lifted(t)
	return x, y
}

// Impact is an object's contact with its floor.
type Impact struct {
	Object int
	Time   float64 // seconds
	// at which it meets the floor, in images' sides a second at depth 1, over the depth
	Strength float64
}

// Impacts lists the impacts from time 0 until an end, by object.
func (w *Scene) Impacts(end float64) (all []Impact) {
	for k := range w.Objects {
		o := &w.Objects[k]
		for n := 1.0; ; n++ {
			t := (n - o.Phase) * o.Period
			if t >= end {
				break
			}
			all = append(all, Impact{k, t, 4 * o.Height / o.Period})
		}
	}
	return all
}

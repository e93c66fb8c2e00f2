package inspect

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// DataBench is how fast a recipe's data pipeline makes views: read, decode, augment, write into the batch, without a
// training step. The first keys are those of the torchvision script that it is compared with.
type DataBench struct {
	Size            int     `json:"size"`              // of a view, pixels
	JPEG            bool    `json:"jpeg"`              // images are decoded each time
	Blur            bool    `json:"blur"`              // some views are blurred
	ImagesPerSecond float64 `json:"images_per_second"` // source images; an image with two views counts once

	Dataset        string  `json:"dataset"`
	Views          int     `json:"views"` // of an image
	Workers        int     `json:"workers"`
	Batch          int     `json:"batch"`
	Images         int     `json:"images"` // made in the time
	Seconds        float64 `json:"seconds"`
	AllocsPerImage float64 `json:"allocs_per_image"`
	BytesPerImage  float64 `json:"bytes_per_image"` // allocated

	noun string // of the samples
}

// BenchmarkData makes the batches of a recipe's training for so many seconds, with so many workers (0: as the recipe
// says).
func BenchmarkData(r *recipes.Loaded, workers int, seconds float64) (*DataBench, error) {
	s, err := experiment.Open(r)
	if err != nil {
		return nil, err
	}
	if workers == 0 {
		workers = r.Train.Workers
	}
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if err := s.Build(); err != nil {
		return nil, err
	}
	r.Train.Workers = workers
	loader, err := s.Loader(0)
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	b := &DataBench{Size: s.Width(), Dataset: r.Dataset.Name, Views: s.ViewCount(), Workers: workers,
		Batch: r.Train.Batch, noun: s.Noun()}
	if x, ok := s.Data.Train.(datasets.Decoding); ok {
		b.JPEG = x.Decodes()
	}
	for _, p := range r.Views.Blur {
		b.Blur = b.Blur || p > 0
	}
	take := func() error {
		batch, err := loader.Next(context.Background())
		if err != nil {
			return &experiment.DataError{Err: err}
		}
		batch.Release()
		return nil
	}
	for range 4 { // until every buffer is there
		if err := take(); err != nil {
			return nil, err
		}
	}
	// Nothing is ready ahead here or at the end, for the consumer does no work: the batches between are what the
	// workers made.
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	for b.Seconds < seconds {
		if err := take(); err != nil {
			return nil, err
		}
		b.Images += r.Train.Batch
		b.Seconds = time.Since(began).Seconds()
	}
	runtime.ReadMemStats(&after)
	n := float64(b.Images)
	b.ImagesPerSecond = n / b.Seconds
	b.AllocsPerImage = float64(after.Mallocs-before.Mallocs) / n
	b.BytesPerImage = float64(after.TotalAlloc-before.TotalAlloc) / n
	return b, nil
}

// String is the measurement for people.
func (b *DataBench) String() string {
	if b.noun != "images" {
		return fmt.Sprintf("%s: %s of %d %s, %d workers\n%.1f %s/s (%d in %.1f s), %.2f allocations and %.0f "+
			"bytes a %s\n", b.Dataset, b.noun, b.Size,
			unitOf(b.noun), b.Workers, b.ImagesPerSecond, b.noun, b.Images, b.Seconds, b.AllocsPerImage,
			b.BytesPerImage, one(b.noun))
	}
	from := "pixels"
	if b.JPEG {
		from = "files that are decoded"
	}
	return fmt.Sprintf("%s: %d views of %d pixels an image, from %s, %d workers\n%.1f images/s (%d in %.1f s), "+
		"%.2f allocations and %.0f bytes an image\n",
		b.Dataset, b.Views, b.Size, from, b.Workers, b.ImagesPerSecond, b.Images, b.Seconds, b.AllocsPerImage,
		b.BytesPerImage)
}

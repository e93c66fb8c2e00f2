package pack_test

import (
	"fmt"
	"os"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/datasets/images/pack"
)

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "pack")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	data, err := images.NewEmoji32().Open(datasets.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := os.Create(filepath.Join(dir, "emoji.pack"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	report, err := pack.Write(f, data, pack.Options{Size: 24, Quality: 90, Source: "emoji_32"})
	if err != nil {
		fmt.Println(err)
		return
	}
	source := pack.New()
	source.Path = "emoji.pack"
	packed, err := source.Open(datasets.Env{BaseDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	var img datasets.Image
	if err := packed.Train.(datasets.Set).Image(1000, &img); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Train, report.Test, packed.Train.Classes()[packed.Train.Label(1000)], img.H, img.W, img.C)
	// Output: 1524 376 people_body 24 24 3
}

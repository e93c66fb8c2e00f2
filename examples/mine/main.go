// Command mine is the experiment command with a method, an operation, a backbone, a data set, an augmentation, an
// optimiser and an evaluation of its own, one a file. It is a module of its own, as yours would be: go run . run
// mine.toml
package main

import (
	"os"

	"selfsup/backbones"
	"selfsup/cmd/experiment/command"
	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/graph/optim"
	"selfsup/methods"
	"selfsup/recipes"
)

func main() {
	c := recipes.Builtin()
	c.Methods["alike"] = func() methods.Method { return &Alike{Projector: []int{64, 32}} }
	c.Backbones["pyramid"] = func() backbones.Backbone { return &Pyramid{Width: 16} }
	c.Datasets["stripes"] = func() datasets.Source { return &Stripes{Images: 512, Size: 16} }
	c.Augmentations = map[string]func() views.Augmentation{"noise": func() views.Augmentation {
		return &Noise{Strength: 0.05}
	}}
	c.Optimizers["sign"] = func() optim.Optimizer { return NewSign() }
	c.Evaluations["margin"] = func() recipes.Evaluation { return &Margin{} }
	os.Exit(command.Main(c, os.Args[1:], os.Stdout, os.Stderr))
}

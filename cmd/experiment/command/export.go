package command

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"selfsup/experiment"
)

// exportVerb writes the encoder of a run for other programs.
func exportVerb(a *app) *cobra.Command {
	var e experiment.ExportOptions
	c := &cobra.Command{
		Use:   "export RUN [--best] [--layout torch] [-o FILE]",
		Short: "Write the encoder of a run as a safetensors file or as ONNX",
		Long: `  experiment export runs/quickstart-20260102-150405-1a2b
  experiment export runs/quickstart-20260102-150405-1a2b --best -o encoder.safetensors
  experiment export runs/quickstart-20260102-150405-1a2b --layout torch
  experiment export runs/quickstart-20260102-150405-1a2b -o encoder.onnx

Writes the parameters and running statistics of the encoder in the last checkpoint, or with --best in the best, and prints the file's
path. The metadata say what a loader needs: the backbone's settings, every layer's stride, padding and epsilon, the images' size and
normalisation; the tensors of the reference are images and the features that the encoder gives them. A run that comes to its end has
written export/encoder.safetensors itself.

--layout torch gives tensors PyTorch's axes; a ResNet's get torchvision's names, a ViT's timm's, those of other backbones keep theirs with
dots. The README has a loader of twenty lines.

A name that ends in .onnx gives an ONNX model (opset 17) of the encoder, for a batch of any size. Images go in as
pixel_values [batch,channels,height,width], pixels from 0 to 1, which the model normalises itself; out comes
image_embeds [batch,features]. The metadata of the model say what it takes. An encoder with an operation that has no
counterpart there is refused, and the operation named.`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVarP(&e.To, "output", "o", "", "`file` to write, .safetensors or .onnx (default "+
		"RUN/export/encoder.safetensors, or encoder.torch.safetensors)")
	c.Flags().BoolVar(&e.Best, "best", false, "the best checkpoint instead of the last")
	c.Flags().StringVar(&e.Layout, "layout", "", "`torch`: PyTorch's axes, torchvision's or timm's names")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if e.Layout != "" && e.Layout != "torch" {
			return usage{fmt.Errorf("experiment export: --layout %s: want torch, or none for this program's own",
				e.Layout)}
		}
		if e.Layout != "" && filepath.Ext(e.To) == experiment.ONNXExt {
			return usage{fmt.Errorf("experiment export: --layout %s is of safetensors files, and %s is ONNX", e.Layout,
				e.To)}
		}
		path, err := experiment.Export(args[0], e, a.catalog, experiment.Options{Messages: a.err})
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, path)
		return nil
	}
	return c
}

package inspect

import (
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets/views"
	"selfsup/graph"
	"selfsup/graph/optest"
	"selfsup/recipes"
)

var asWritten = flag.Bool("as-written", false, "run the papers' recipes with networks and views of full size")

// small makes the papers' recipes small enough for every test run: what they are made of stays, its size does not.
var small = []string{"train.batch=16", "backbone.resnet.width=0.125", "views.crop=32", "views.blur_kernel=3"}

// smaller is what a recipe needs beside small, or instead.
var smaller = map[string][]string{
	"cifar10/cmc.toml": {"method.cmc.noise=16", `backbone.luma_chroma.tower.resnet.stem="3x3"`,
		"backbone.luma_chroma.tower.resnet.width=0.125"},
	"cifar10/npid.toml":   {"method.npid.noise=16"},
	"cifar10/pcl.toml":    {"method.pcl.k=[4, 8]"},
	"cifar10/pirl.toml":   {"method.pirl.noise=16"},
	"imagenet/amdim.toml": {"method.amdim.hidden=64", "method.amdim.width=64"},
	"imagenet/cmc.toml":   {"method.cmc.noise=16", "backbone.luma_chroma.tower.resnet.width=0.125"},
	"imagenet/cpc_image.toml": {"method.cpc_image.patch=12", "method.cpc_image.step=4", "method.cpc_image.context=32",
		"method.cpc_image.width=32"},
	"imagenet/npid.toml":    {"method.npid.noise=16"},
	"imagenet/pcl.toml":     {"method.pcl.k=[4, 8]"},
	"imagenet/pirl.toml":    {"method.pirl.noise=16"},
	"cifar10/emp_ssl.toml":  {"views.crop=0", "views.crops=[{count=3,size=32,area=[0.25,0.25]}]"},
	"cifar10/wmse.toml":     {"method.wmse.projector=[16,4]", "method.wmse.sub_batch=8"},
	"imagenet/emp_ssl.toml": {"views.crop=0", "views.crops=[{count=3,size=32,area=[0.25,0.25]}]"},
	"imagenet/lejepa.toml":  {"views.crop=0", twoSmallSizes},
	"imagenet/swav.toml":    {"views.crop=0", twoSmallSizes, "method.swav.prototypes=30"},
	"cifar10/swav.toml":     {"method.swav.prototypes=30"},
	"imagenet/wmse.toml":    {"method.wmse.projector=[16,4]", "method.wmse.sub_batch=8"},

	// clusters made from the features, and few labels
	"cifar10/deepcluster_v1.toml":  {"method.deepcluster.k=4"},
	"cifar10/mean_teacher.toml":    fourLabelled,
	"cifar10/mixmatch.toml":        append([]string{`method.mixmatch.ramp_up="10 steps"`}, fourLabelled...),
	"cifar10/mmc.toml":             {"method.mmc.k=4"},
	"cifar10/pseudo_label.toml":    fourLabelled,
	"cifar10/sela.toml":            {"method.sela.k=4", "method.sela.heads=2"},
	"cifar10/vat.toml":             fourLabelled,
	"imagenet/deepcluster_v1.toml": {"method.deepcluster.k=4"},
	"imagenet/mean_teacher.toml":   fourLabelled,
	"imagenet/mixmatch.toml":       append([]string{`method.mixmatch.ramp_up="10 steps"`}, fourLabelled...),
	"imagenet/mmc.toml":            {"method.mmc.k=4"},
	"imagenet/pseudo_label.toml":   fourLabelled,
	"imagenet/sela.toml":           {"method.sela.k=4", "method.sela.heads=2"},
	"imagenet/vat.toml":            fourLabelled,
	// two encoders, and an oracle beside one
	"cifar10/oracle_views.toml":  {"method.oracle_views.base.vicreg.projector=[32,16]"},
	"imagenet/oracle_views.toml": {"method.oracle_views.base.vicreg.projector=[32,16]"},
	"cifar10/dcca.toml":          {"method.dcca.projector=[16,4]"},
	"cifar10/dccae.toml":         {"method.dccae.projector=[16,4]"},
	"imagenet/dcca.toml":         {"method.dcca.projector=[16,4]"},
	"imagenet/dccae.toml":        {"method.dccae.projector=[16,4]"},

	// tokenizers
	"imagenet/dvae.toml": {"backbone.convnet.widths=[4,8]", "method.dvae.widths=[8,4]", "method.dvae.vocabulary=16"},
	"imagenet/vqvae.toml": {"backbone.convnet.widths=[4,8]", "method.vqvae.widths=[8,4]",
		"method.vqvae.vocabulary=16"},
	// detectors
	"imagenet/detreg.toml": {"method.detreg={dim=16,heads=2,hidden=16,encoder=1,decoder=2,queries=12,proposals=4," +
		"size=16}"},
	"imagenet/updetr.toml": {"method.updetr={dim=16,heads=2,hidden=16,encoder=1,decoder=2,queries=20,size=16}"},

	// masked images
	"imagenet/mae.toml":              append(smallDecoder("mae"), smallViT...),
	"imagenet/maskfeat.toml":         smallViT,
	"imagenet/patch_prediction.toml": smallViT,
	"imagenet/simmim.toml":           smallViT,
	"imagenet/data2vec.toml":         append([]string{"method.data2vec.layers=1"}, smallViT...),
	"imagenet/data2vec2.toml": append([]string{"method.data2vec2={layers=1,copies=2,decoder_dim=8,decoder_groups=2}"},
		smallViT...),
	"imagenet/dinov2.toml": append([]string{"views.crop=0", twoSmallSizes, "method.dinov2.hidden=16",
		"method.dinov2.prototypes=16", "method.dinov2.patch_prototypes=16"}, smallViT...),
	"imagenet/ibot.toml": append([]string{"views.crop=0", twoSmallSizes, "method.ibot.hidden=16",
		"method.ibot.prototypes=16"}, smallViT...),
	"imagenet/msn.toml":  append([]string{"views.crop=0", twoSmallSizes, "method.msn.projector=[16,8]"}, smallViT...),
	"imagenet/pmsn.toml": append([]string{"views.crop=0", twoSmallSizes, "method.pmsn.projector=[16,8]"}, smallViT...),
	"imagenet/aim.toml":  append([]string{"method.aim.hidden=[16]", meanPool}, smallViT...),
	"imagenet/context_encoder.toml": {"method.context_encoder.code=16", "method.context_encoder.widths=[8,4]",
		"method.context_encoder.hidden=8"},
	"imagenet/capi.toml": append([]string{"method.capi={clusters=16,depth=1,heads=2,side=1}"}, smallViT...),
	"imagenet/leopart.toml": append([]string{"views.crop=0", twoSmallSizes, "method.leopart.hidden=16",
		"method.leopart.clusters=16"}, smallViT...),
	"imagenet/selfpatch.toml": append([]string{"views.crop=0", twoSmallSizes, "method.selfpatch.hidden=16",
		"method.selfpatch.prototypes=16", "method.selfpatch.patch_prototypes=16", "method.selfpatch.heads=2", meanPool},
		smallViT...),
	"imagenet/vicregl.toml": {"views.crop=64", "method.vicregl.projector=[64,32]", "method.vicregl.matches=[3,2]"},
	"imagenet/igpt.toml":    append(slices.Clone(smallViT), "views.crop=8", "backbone.vit.patch=1", meanPool),
	"imagenet/dbot.toml":    append(smallDecoder("dbot"), smallViT...),
	"imagenet/fcmae.toml": {"views.crop=64", "backbone.convnext.dims=[8,8,16,16]", "backbone.convnext.depth=[1,1,1,1]",
		"method.fcmae.decoder_dim=16"},
	"imagenet/um_mae.toml": {"views.crop=128", "backbone.swin.dim=8", "backbone.swin.depth=[1,1,1,1]",
		"backbone.swin.heads=[1,1,2,2]", "backbone.swin.window=4", "method.um_mae.decoder_dim=16",
		"method.um_mae.decoder_depth=1", "method.um_mae.decoder_heads=2"},
	"imagenet/ijepa.toml": append([]string{"method.ijepa={dim=8,depth=1,heads=2,least_context=4}"}, smallViT...),

	// a view of its own
	"cifar10/equimod.toml":  {"views.crop=0", ownView, "method.equimod.projector=[16,8]"},
	"cifar10/essl.toml":     {"views.crop=0", "method.essl.predictor=[16]"},
	"imagenet/augself.toml": {"method.augself.predictor=[16]", "method.augself.base.moco.queue=256"},
	"imagenet/equimod.toml": {"views.crop=0", ownView, "method.equimod.projector=[16,8]"},
	"imagenet/essl.toml":    {"views.crop=0", ownView, "method.essl.predictor=[16]"},

	// contrastive methods of one batch
	"cifar10/mugs_instance.toml":    {"views.crop=0", "method.mugs_instance.queue=256"},
	"cifar10/simclr_multiview.toml": {"views.crop=0"},
	"imagenet/directclr.toml":       {"method.directclr.dimensions=40"},
	"imagenet/mugs_instance.toml": {"views.crop=0", twoSmallSizes, "method.mugs_instance.queue=256",
		"backbone.vit.depth=1", "backbone.vit.patch=8"},
	"imagenet/simclr_multiview.toml": {"views.crop=0", "views.crops=[{count=4,size=32,area=[0.3,1.0]}]"},

	// autoencoders and their halves
	"cifar10/autoencoder.toml":             {"method.autoencoder.widths=[8,4]"},
	"cifar10/denoising_autoencoder.toml":   {"method.autoencoder.widths=[8,4]"},
	"cifar10/vae.toml":                     {"method.vae.widths=[8,4]"},
	"cifar10/layerwise_autoencoder.toml":   {"backbone.dbn.widths=[8,4]"},
	"cifar10/colorization.toml":            {"backbone.luma.tower.resnet.width=0.125"},
	"cifar10/split_brain.toml":             {"backbone.luma_chroma.tower.resnet.width=0.125"},
	"cifar10/gan_features.toml":            {"method.gan_features.widths=[8,4]", "backbone.convnet.widths=[4,8]"},
	"imagenet/layerwise_autoencoder.toml":  {"backbone.dbn.widths=[8,4]"},
	"imagenet/autoencoder.toml":            {"method.autoencoder.widths=[8,4]"},
	"imagenet/inpainting_autoencoder.toml": {"method.autoencoder.widths=[8,4]"},
	"imagenet/vae.toml":                    {"method.vae.widths=[8,4]"},
	"imagenet/colorization.toml":           {"backbone.luma.tower.resnet.width=0.125"},
	"imagenet/split_brain.toml":            {"backbone.luma_chroma.tower.resnet.width=0.125"},
	"imagenet/gan_features.toml":           {"method.gan_features.widths=[8,4]", "backbone.convnet.widths=[4,8]"},
	// puzzles of tiles, and of exemplars
	"cifar10/exemplar.toml":        {"subset.few_shot.per_class=12"},
	"imagenet/exemplar.toml":       {"subset.few_shot.per_class=12"},
	"imagenet/jigsaw.toml":         {"method.jigsaw.tile=8"},
	"imagenet/relative_patch.toml": {"method.relative_patch={patch=8,gap=2,jitter=2,hidden=[16]}"},
}

// smallViT is a transformer of one block on the views of small.
var smallViT = []string{"backbone.vit.depth=1", "backbone.vit.dim=24", "backbone.vit.heads=2", "backbone.vit.patch=8"}

// ownView is two views of a size and one of its own.
const ownView = "views.crops=[{count=2,size=32,area=[0.3,1.0]},{count=1,size=32,area=[1.0,1.0]}]"

const meanPool = `backbone.vit.pool="mean"`

// smallDecoder is a decoder of one block.
func smallDecoder(method string) []string {
	return []string{"method." + method + ".decoder_dim=8", "method." + method + ".decoder_depth=1",
		"method." + method + ".decoder_heads=2"}
}

// fourLabelled is few labels in small batches of small sets.
var fourLabelled = []string{"sampler.two_streams.labelled=4", "labelled.few_shot.per_class=4",
	"labelled.few_shot.fraction=0.0"}

// twoSmallSizes are large crops and small ones.
const twoSmallSizes = "views.crops=[{count=2,size=64,area=[0.3,1.0]},{count=1,size=32,area=[0.1,0.3]}]"

// fillViews puts numbers into the views of a step that is run without data: the same for all would not be whitened. A
// third of each mask is 1, and views are of whole images.
func fillViews(p *graph.Program) {
	for name, a := range p.Inputs() {
		if strings.HasPrefix(name, "view") && a.F32 != nil {
			optest.Fill(a, name)
		}
		if strings.HasPrefix(name, "params") {
			for i := range a.F32 { // whole images
				if column := views.ParamNames()[i%a.Shape[1]]; column == "crop_height" || column == "crop_width" {
					a.F32[i] = 1
				}
			}
		}
		if strings.HasPrefix(name, "mask") {
			for i := 0; i < len(a.F32); i += 3 {
				a.F32[i] = 1
			}
		}
	}
}

// Every recipe of a paper's settings, on CIFAR-10 and on ImageNet, builds and runs two steps, on pictures of noise in
// place of the data:
//
//	go test ./experiment/inspect -run PaperRecipes -as-written -timeout 2h
//
// runs them with networks and views of full size.
func TestPaperRecipesRun(t *testing.T) {
	root := noisePictures(t)
	names := recipes.PaperNames()
	if len(names) < 2 {
		t.Fatalf("the recipes of papers are %v, want some of CIFAR-10 and of ImageNet", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			sets := []string{"dataset.folder.root=" + root, "train.batch=16"}
			if !*asWritten {
				sets = append(append(sets, small...), smaller[name]...)
			}
			runTwoSteps(t, prepare(t, name, sets...))
		})
	}
}

// noisePictures is a folder of classes of small pictures.
func noisePictures(t *testing.T) string {
	root := t.TempDir()
	for i := range 80 {
		part := []string{"train", "train", "train", "val"}[i%4]
		dir := filepath.Join(root, part, fmt.Sprint(i/4%2))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		m := image.NewRGBA(image.Rect(0, 0, 40, 40))
		for p := range 40 * 40 {
			m.Set(p%40, p/40, color.RGBA{uint8(p * i), uint8(p * p * (i + 3) >> 4), uint8(p ^ i*7), 255})
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.png", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, m); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

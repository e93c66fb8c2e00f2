package images

import (
	"embed"
	"fmt"
	"sync"

	"selfsup/datasets"
)

//go:embed embedded/fashion-mnist-4k
var fashion embed.FS

// FashionMNIST4k is a balanced subset of Fashion-MNIST, part of the program: 3,000 + 1,000 grey images 28x28 of 10
// classes.
//
// Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747; MIT licence, (c) 2017 Zalando SE.
type FashionMNIST4k struct{}

func NewFashionMNIST4k() *FashionMNIST4k { return &FashionMNIST4k{} }

func (*FashionMNIST4k) Open(datasets.Env) (*datasets.Data, error) {
	train, err := fashionTrain()
	if err != nil {
		return nil, err
	}
	test, err := fashionTest()
	if err != nil {
		return nil, err
	}
	d := &datasets.Data{Train: train, Test: test}
	return d, d.Check("fashion_mnist_4k")
}

// The embedded files are decompressed once in a process: stages and evaluations open the data again.
var (
	fashionTrain = sync.OnceValues(func() (*datasets.Memory, error) { return fashionSet("train") })
	fashionTest  = sync.OnceValues(func() (*datasets.Memory, error) { return fashionSet("t10k") })
)

func fashionSet(part string) (*datasets.Memory, error) {
	open := func(name string) (*IDXArray, error) {
		f, err := fashion.Open("embedded/fashion-mnist-4k/" + name)
		if err != nil {
			return nil, fmt.Errorf("datasets: fashion_mnist_4k: %w", err)
		}
		defer f.Close()
		return ReadIDX(f, name)
	}
	x, err := open(part + "-images-idx3-ubyte.gz")
	if err != nil {
		return nil, err
	}
	y, err := open(part + "-labels-idx1-ubyte.gz")
	if err != nil {
		return nil, err
	}
	classes := []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
		"Ankle boot"}
	return idxSet("fashion_mnist_4k/"+part, x, "fashion_mnist_4k/"+part+" labels", y, classes)
}

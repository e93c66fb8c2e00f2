package cpu

import (
	"testing"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

// BenchmarkPasses measures memory-bound kernels on the tensors of ResNet-18's first stage at batch 64, on one thread and on all; GB/s
// counts every operand and the result once.
func BenchmarkPasses(b *testing.B) {
	const x, c = " 64,32,32,64", " 64"
	bn := op.BN{Eps: 1e-5}
	for _, k := range []struct {
		name string
		kernelCase
	}{
		{"batch_stats", kernelCase{spec: op.Stats{}, in: []string{"n" + x}}},
		{"batch_norm_relu", kernelCase{spec: op.BatchNormOp{BN: bn, Relu: true}, in: []string{"n" + x, "p 2,64", "n" + c, "n" + c}}},
		{"batch_norm_sums", kernelCase{spec: op.NormSums{Eps: 1e-5}, in: []string{"n" + x, "n" + x, "p 2,64"}}},
		{"batch_norm_dx", kernelCase{spec: op.NormBackward{BN: bn}, in: []string{"n" + x, "n" + x, "p 2,64", "n 2,64", "n" + c}}},
		{"batch_norm_sums_relu", kernelCase{spec: op.NormSums{Eps: 1e-5, Relu: true}, in: []string{"n" + x, "n" + x, "p 2,64", "n" + c, "n" + c}}},
		{"batch_norm_dx_relu", kernelCase{spec: op.NormBackward{BN: bn, Relu: true}, in: []string{"n" + x, "n" + x, "p 2,64", "n 2,64", "n" + c, "n" + c}}},
		{"add", kernelCase{spec: op.Binary{Fn: "add"}, in: []string{"n" + x, "n" + x}}},
		{"add_relu", kernelCase{spec: op.Binary{Fn: "add", Relu: true}, in: []string{"n" + x, "n" + x}}},
		{"relu", kernelCase{spec: op.Unary{Fn: "relu"}, in: []string{"n" + x}}},
		{"relu_grad", kernelCase{spec: op.UnaryGrad{Fn: "relu"}, in: []string{"n" + x, "n" + x}}},
		{"momentum", kernelCase{spec: op.Momentum{Mu: 0.9}, in: []string{"n" + x, "n" + x, "n" + x, "p", "p"}}},
		{"descend", kernelCase{spec: op.Descend{}, in: []string{"n" + x, "n" + x, "p"}}},
		{"adam", kernelCase{spec: op.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, in: []string{"n" + x, "n" + x, "p" + x, "p", "p", "p"}}},
		{"softmax", kernelCase{spec: op.SoftmaxOp{}, in: []string{"n 4096,1024"}}},
		{"gelu", kernelCase{spec: op.Unary{Fn: "gelu"}, in: []string{"n" + x}}},
		{"layer_norm", kernelCase{spec: op.LayerNormOp{Eps: 1e-5}, in: []string{"n 8192,512", "n 512", "n 512"}}},
		{"add_row", kernelCase{spec: op.Binary{Fn: "add"}, in: []string{"n 16384,256", "n 256"}}},
		{"mean_image", kernelCase{spec: op.SumToOp{To: op.DimsOf([]int{64, 1, 1, 64}), Scale: 1}, in: []string{"n" + x}}},
		{"transpose", kernelCase{spec: op.TransposeOp{Perm: op.DimsOf([]int{1, 0})}, in: []string{"n 4096,1024"}}},
	} {
		in := k.operands()
		for _, threads := range []int{1, kern.Threads()} {
			b.Run(k.name+"/threads="+string(rune('0'+threads)), func(b *testing.B) {
				setThreads(b, threads)
				run, out, err := k.bind(in, -1)
				if err != nil {
					b.Fatal(err)
				}
				bytes := 4 * out.Shape.Size()
				for _, a := range in {
					bytes += 4 * a.Shape.Size()
				}
				b.SetBytes(int64(bytes))
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
	}
}

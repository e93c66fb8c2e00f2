package cpu

import (
	"testing"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// BenchmarkPasses measures memory-bound kernels on the tensors of ResNet-18's first stage at batch 64, on one thread
// and on all; GB/s counts every operand and the result once.
func BenchmarkPasses(b *testing.B) {
	const x, c = " 64,32,32,64", " 64"
	bn := op.BN{Eps: 1e-5}
	for _, k := range []struct {
		name string
		kernelCase
	}{
		{"batch_stats", kernelCase{spec: op.Stats{}, in: []string{"n" + x}}},
		{"batch_norm_relu", kernelCase{spec: op.BatchNormOp{BN: bn, Relu: true}, in: []string{"n" + x, "p 2,64",
			"n" + c, "n" + c}}},
		{"batch_norm_sums", kernelCase{spec: op.NormSums{Eps: 1e-5}, in: []string{"n" + x, "n" + x, "p 2,64"}}},
		{"batch_norm_dx", kernelCase{spec: op.NormBackward{BN: bn}, in: []string{"n" + x, "n" + x, "p 2,64", "n 2,64",
			"n" + c}}},
		{"batch_norm_sums_relu", kernelCase{spec: op.NormSums{Eps: 1e-5, Relu: true}, in: []string{"n" + x, "n" + x,
			"p 2,64", "n" + c, "n" + c}}},
		{"batch_norm_dx_relu", kernelCase{spec: op.NormBackward{BN: bn, Relu: true}, in: []string{"n" + x, "n" + x,
			"p 2,64", "n 2,64", "n" + c, "n" + c}}},
		{"add", kernelCase{spec: op.Binary{Fn: "add"}, in: []string{"n" + x, "n" + x}}},
		{"add_relu", kernelCase{spec: op.Binary{Fn: "add", Relu: true}, in: []string{"n" + x, "n" + x}}},
		{"relu", kernelCase{spec: op.Unary{Fn: "relu"}, in: []string{"n" + x}}},
		{"relu_grad", kernelCase{spec: op.UnaryGrad{Fn: "relu"}, in: []string{"n" + x, "n" + x}}},
		{"momentum", kernelCase{spec: op.Momentum{Mu: 0.9}, in: []string{"n" + x, "n" + x, "n" + x, "p", "p"}}},
		{"descend", kernelCase{spec: op.Descend{}, in: []string{"n" + x, "n" + x, "p"}}},
		{"adam", kernelCase{spec: op.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, in: []string{"n" + x, "n" + x, "p" + x,
			"p", "p", "p"}}},
		{"softmax", kernelCase{spec: op.SoftmaxOp{}, in: []string{"n 4096,1024"}}},
		{"gelu", kernelCase{spec: op.Unary{Fn: "gelu"}, in: []string{"n" + x}}},
		{"gelu_grad", kernelCase{spec: op.UnaryGrad{Fn: "gelu"}, in: []string{"n" + x, "n" + x}}},
		{"layer_norm", kernelCase{spec: op.LayerNormOp{Eps: 1e-5}, in: []string{"n 8320,192", "n 192", "n 192"}}},
		{"layer_norm_dx", kernelCase{spec: op.LayerNormBackward{Eps: 1e-5}, in: []string{"n 8320,192", "n 8320,192",
			"n 192"}}},
		{"layer_norm_sums", kernelCase{spec: op.LayerNormSums{Eps: 1e-5}, in: []string{"n 8320,192", "n 8320,192"}}},
		{"softmax_65", kernelCase{spec: op.SoftmaxOp{}, in: []string{"n 32768,65"}}},
		{"attention", kernelCase{spec: op.AttentionOp{Scale: 0.125}, in: []string{"n 32,65,3,3,64"}}},
		{"attention_grad", kernelCase{spec: op.AttentionGrad{Scale: 0.125}, in: []string{"n 32,65,3,64",
			"n 32,65,3,3,64"}}},
		{"attention_bf16", kernelCase{spec: op.AttentionOp{Scale: 0.125, BF16: true}, in: []string{"n 32,65,3,3,64"}}},
		{"attention_grad_bf16", kernelCase{spec: op.AttentionGrad{Scale: 0.125, BF16: true},
			in: []string{"n 32,65,3,64", "n 32,65,3,3,64"}}},
		{"attention_bf16_17", kernelCase{spec: op.AttentionOp{Scale: 0.125, BF16: true},
			in: []string{"n 128,17,3,3,64"}}},
		{"attention_grad_bf16_17", kernelCase{spec: op.AttentionGrad{Scale: 0.125, BF16: true},
			in: []string{"n 128,17,3,64", "n 128,17,3,3,64"}}},
		{"attention_bf16_32", kernelCase{spec: op.AttentionOp{Scale: 0.177, BF16: true},
			in: []string{"n 128,65,3,4,32"}}},
		{"attention_grad_bf16_32", kernelCase{spec: op.AttentionGrad{Scale: 0.177, BF16: true},
			in: []string{"n 128,65,4,32", "n 128,65,3,4,32"}}},
		{"moment", kernelCase{spec: op.Moment{Beta: 0.9}, in: []string{"n" + x, "n" + x}}},
		{"moment_square", kernelCase{spec: op.Moment{Beta: 0.9, Square: true}, in: []string{"n" + x, "n" + x}}},
		{"lerp", kernelCase{spec: op.LerpOp{}, in: []string{"n" + x, "n" + x, "p"}}},
		{"sum_squares", kernelCase{spec: op.SumSq{}, in: []string{"n" + x}}},
		{"trust_ratio", kernelCase{spec: op.TrustRatio{Eta: 0.02, Variant: "solo"}, in: []string{"n" + x, "n" + x, "p",
			"p"}}},
		{"add_n", kernelCase{spec: op.AddN{}, in: []string{"n" + x, "n" + x, "n" + x}}},
		{"mul", kernelCase{spec: op.Binary{Fn: "mul"}, in: []string{"n" + x, "n" + x}}},
		{"sum_rows", kernelCase{spec: op.SumToOp{To: op.DimsOf([]int{512}), Scale: 1}, in: []string{"n 8320,512"}}},
		{"copy", kernelCase{spec: plan.Copy{}, in: []string{"n" + x}}},
		{"add_row", kernelCase{spec: op.Binary{Fn: "add"}, in: []string{"n 16384,256", "n 256"}}},
		{"mean_image", kernelCase{spec: op.SumToOp{To: op.DimsOf([]int{64, 1, 1, 64}), Scale: 1},
			in: []string{"n" + x}}},
		{"gru", kernelCase{spec: op.Recurrent{Cell: "gru"}, in: []string{"n 64,32,768", "small 256,768", "n 768"}}},
		{"gru_grad", kernelCase{spec: op.RecurrentGrad{Cell: "gru"},
			in: []string{"n 64,32,256", "n 64,32,768", "small 256,768", "n 768", "n 64,32,256"}}},
		{"lstm", kernelCase{spec: op.Recurrent{Cell: "lstm"},
			in: []string{"n 64,32,1024", "small 256,1024", "n 1024"}}},
		{"less_column", kernelCase{spec: op.Compare{Fn: "less"}, in: []string{"n 16384,256", "n 16384,1"}}},
		{"normal", kernelCase{spec: op.RandomOp{To: op.DimsOf([]int{1 << 20}), Law: "normal"},
			in: []string{"l 2", "l"}}},
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

// BenchmarkGroup measures the updates of a large parameter with Adam and a teacher, and of a hundred small ones with
// momentum, one pass after the other and as a group.
func BenchmarkGroup(b *testing.B) {
	large, small := newTape(map[string]int{"p": 1 << 22, "g": 1 << 22, "m": 1 << 22, "v": 1 << 22, "e": 1 << 22,
		"s": 0}), []*call(nil)
	large.do(op.Moment{Beta: 0.9}, "m", "m", "g")
	large.do(op.Moment{Beta: 0.999, Square: true}, "v", "v", "g")
	large.do(op.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, "p", "p", "m", "v", "s", "s", "s")
	large.do(op.LerpOp{}, "e", "e", "p", "s")
	for range 100 {
		t := newTape(map[string]int{"p": 192, "g": 192, "m": 192, "s": 0})
		t.do(op.Momentum{Mu: 0.9}, "m", "m", "g", "p", "s", "s")
		t.do(op.Descend{}, "p", "p", "m", "s")
		small = append(small, t.calls...)
	}
	for name, calls := range map[string][]*call{"large": large.calls, "small": small} {
		var g group
		var alone []func()
		for _, c := range calls {
			if !g.add(c) {
				b.Fatalf("%s does not join", c.spec.Name())
			}
			alone = append(alone, bindPass(c))
		}
		b.Run(name+"/alone", func(b *testing.B) {
			for b.Loop() {
				for _, f := range alone {
					f()
				}
			}
		})
		run := g.bind()
		b.Run(name+"/group", func(b *testing.B) {
			for b.Loop() {
				run()
			}
		})
	}
}

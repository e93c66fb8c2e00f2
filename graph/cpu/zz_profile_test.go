package cpu_test
import ("testing";"fmt";"sort";"time"
"selfsup/graph";"selfsup/graph/cpu";"selfsup/graph/ir";"selfsup/graph/op";"selfsup/graph/optim";"selfsup/backbones";"selfsup/heads")
type spy struct{ cpu.Backend; e interface{ Profile() []time.Duration }; p *ir.Program }
func (s *spy) Compile(p *ir.Program, st func(int) ir.Array) (ir.Executable, error) {
 e, err := s.Backend.Compile(p, st); if err==nil { s.e = e.(interface{ Profile() []time.Duration }); s.p=p }; return e, err }
var _ = heads.MLP
func TestZZ(t *testing.T) {
 for _, w := range []float64{0.25, 1} {
 img := backbones.Image{H:28,W:28,C:1}; B := 256
 if w==1 { B=64; img=backbones.Image{H:32,W:32,C:3} }
 g, err := graph.Build(graph.Options{Training:true}, func(s *graph.Scope){
  bb := backbones.DefaultResNet(); bb.Stem="3x3"; bb.Width=w
  x := s.Input("x", B,img.H,img.W,img.C)
  h := bb.New(s.In("b"), img)(x)
  wt := s.Param("w", graph.KaimingNormal(10), bb.Dim(), 10)
  l := op.MeanAll(op.CrossEntropy(op.MatMul(h, wt, false,false), s.IntInput("y", B), 0))
  optim.Apply(s, &optim.SGD{Momentum:0.9}, l, s.Params(), optim.Hyper{Rate:s.Constant(0), Decay:s.Constant(1e-4), Step:s.Constant(1)}, nil)
  s.Output("l", l)
 })
 if err!=nil { t.Fatal(err) }
 b := &spy{}
 p, err := g.Compile(b, graph.NewStore(1)); if err!=nil { t.Fatal(err) }
 x,_ := p.Input("x"); for i := range x.F32 { x.F32[i]=float32((i*2654435761)%1001)/500-1 }
 p.Run(); b.e.Profile(); n := 2
 start := time.Now()
 for range n { if err := p.Run(); err != nil { t.Fatal(err) } }
 total := time.Since(start)/time.Duration(n)
 sum := map[string]time.Duration{}
 for i, d := range b.e.Profile() { name := "copy"; if i < len(b.p.Instrs) { name = b.p.Instrs[i].Spec.Name() }; sum[name]+=d/time.Duration(n) }
 names := []string{}; for k := range sum { names=append(names,k) }
 sort.Slice(names, func(i,j int) bool { return sum[names[i]]>sum[names[j]] })
 fmt.Println("width", w, "step", total, "GF", float64(p.FLOPs())/1e9)
 for _, k := range names { fmt.Printf("  %-20s %v\n", k, sum[k]) }
 l,_ := p.Output("l"); fmt.Println("loss", l.F32[0])
 }
}

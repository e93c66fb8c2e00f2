package kern

import "unsafe"

// tile is one call of the micro-kernel:
//
//	C[mr,n] (+)= sum over blocks q < nb and k < K of A[aoff[q] + i*rs + k*cs] * B[boff[q] + k*bs + j]
//
// with strides and offsets in bytes. A row of B holds nr readable floats whatever n is; C is touched in its n columns
// only. Sums run over q, then k, one fused multiply-add each (plain Go rounds twice), and do not depend on mr or n. The
// assembly knows this layout.
type tile struct {
	c    unsafe.Pointer
	ldc  uintptr
	a    unsafe.Pointer
	rs   uintptr
	cs   uintptr
	b    unsafe.Pointer
	bs   uintptr
	k    uintptr
	add  uintptr // 0 overwrites C, 1 adds to it
	mask uintptr // bit j: column j exists
	nb   uintptr
	aoff *uintptr
	boff *uintptr
}

// tower is count equal tiles that share B, with A and C of each that many bytes behind the one before: one call of the
// micro-kernel, since entering and leaving it costs as much as a small tile. The assembly knows this layout too.
type tower struct {
	tile
	count, stepA, stepC uintptr
	fetches
}

// fetches are what a tower asks for: ahead, which the assembly knows, and what takes its place when it is done.
type fetches struct {
	ahead fetch
	after [2]fetch
}

// set makes them the fetches of some memory, one after the other, over so many blocks.
func (f *fetches) set(blocks int, of ...[]float32) {
	all := 0
	for _, x := range of {
		all += len(x)
	}
	var fs [3]fetch
	for i, x := range of {
		n := blocks * len(x) / max(1, all)
		fs[i] = fetchIn(x, n)
		blocks, all = blocks-n, all-len(x)
	}
	f.ahead, f.after = fs[0], [2]fetch(fs[1:])
}

// fetch is memory that a tower asks for, some lines before each block of each tile, so that it is in the core's own
// caches when its turn comes. Plain Go and NEON do not.
type fetch struct {
	at         uintptr // address within an array that the caller keeps alive
	left, each uintptr // lines still to be asked for, and before each block
}

// fetchIn is the fetch of s over so many blocks.
func fetchIn(s []float32, blocks int) fetch {
	lines := ceil(len(s), lineFloats)
	return fetch{uintptr(unsafe.Pointer(unsafe.SliceData(s))), uintptr(lines), uintptr(ceil(lines, max(blocks, 1)))}
}

// tileRows cuts n rows into tiles of nearly the same height, of which the first are a row higher.
func tileRows(n int) (tiles, height, higher int) {
	tiles = ceil(n, dims().mr)
	return tiles, n / max(1, tiles), n % max(1, tiles)
}

// rows computes n rows of C below one another.
func (s *tower) rows(n int) {
	if n <= dims().mr {
		s.tiles(min(n, 1), n, 0, 0)
		return
	}
	tiles, height, higher := tileRows(n)
	a, c := s.a, s.c
	s.tiles(higher, height+1, s.rs*uintptr(height+1), s.ldc*uintptr(height+1))
	s.skip(higher)
	s.tiles(tiles-higher, height, s.rs*uintptr(height), s.ldc*uintptr(height))
	s.a, s.c = a, c
}

// strips is rows where A lies in strips [k][rows of a tile] one behind the other, as tileRows cuts n. Tiles from row
// last on are left out.
func (s *tower) strips(n, last int) {
	tiles, height, higher := tileRows(n)
	a, c := s.a, s.c
	run := func(count, rows int) {
		s.rs, s.cs = floatSize, bytes(rows)
		s.tiles(count, rows, s.k*s.cs, s.ldc*uintptr(rows))
	}
	run(min(higher, ceil(last, height+1)), height+1)
	if done := higher * (height + 1); last > done {
		s.skip(higher)
		run(min(tiles-higher, ceil(last-done, height)), height)
	}
	s.a, s.c = a, c
}

// skip moves on by so many tiles.
func (s *tower) skip(tiles int) {
	s.a, s.c = unsafe.Add(s.a, tiles*int(s.stepA)), unsafe.Add(s.c, tiles*int(s.stepC))
}

// tiles computes count tiles of mr rows, stepA and stepC bytes apart.
func (s *tower) tiles(count, mr int, stepA, stepC uintptr) {
	s.count, s.stepA, s.stepC = uintptr(count), stepA, stepC
	if s.ahead.left == 0 && s.after[0].left > 0 {
		s.ahead, s.after = s.after[0], [2]fetch{s.after[1]}
	}
	if s.nb == 0 {
		s.stepA = 0 // A may be nowhere
	}
	if count > 0 {
		s.run(mr)
	}
}

// at is tile i.
func (s *tower) at(i uintptr) tile {
	t := s.tile
	t.a, t.c = unsafe.Add(s.a, i*s.stepA), unsafe.Add(s.c, i*s.stepC)
	return t
}

// generic is run in plain Go.
func (s *tower) generic(mr int) {
	for i := range s.count {
		t := s.at(i)
		tileGeneric(&t, mr, blockings[generic].nr)
	}
}

// zeroOffset is the offset list of products with one block.
var zeroOffset uintptr

const floatSize = 4

// ptr is the address of s[i], checked; s[len(s)] stands for an empty operand.
func ptr(s []float32, i int) unsafe.Pointer {
	if i == len(s) {
		return unsafe.Pointer(&zeroOffset)
	}
	return unsafe.Pointer(&s[i])
}

// columns sets the mask for n <= nr columns.
func (t *tile) columns(n int) { t.mask = 1<<n - 1 }

// single sets the offset lists to one block.
func (t *tile) single() { t.nb, t.aoff, t.boff = 1, &zeroOffset, &zeroOffset }

// bytes turns a stride in floats into bytes.
func bytes(floats int) uintptr { return uintptr(floats) * floatSize }

func at(p unsafe.Pointer, off uintptr) *float32 { return (*float32)(unsafe.Add(p, off)) }

// tileGeneric is the tile in plain Go: 2x4 sums in registers at a time.
func tileGeneric(t *tile, mr, nr int) {
	for j := 0; j < nr && t.mask>>j != 0; j += 4 {
		i := 0
		for ; i+1 < mr; i += 2 {
			tileGeneric2(t, uintptr(i), uintptr(j))
		}
		if i < mr {
			tileGeneric1(t, uintptr(i), uintptr(j))
		}
	}
}

func tileGeneric2(t *tile, i, j uintptr) {
	var s [2][4]float32
	for q := range t.nb {
		a := unsafe.Add(t.a, offset(t.aoff, q)+i*t.rs)
		b := unsafe.Add(t.b, offset(t.boff, q)+j*floatSize)
		s00, s01, s02, s03 := s[0][0], s[0][1], s[0][2], s[0][3]
		s10, s11, s12, s13 := s[1][0], s[1][1], s[1][2], s[1][3]
		for k := range t.k {
			a0, a1 := *at(a, k*t.cs), *at(a, k*t.cs+t.rs)
			r := (*[4]float32)(unsafe.Add(b, k*t.bs))
			b0, b1, b2, b3 := r[0], r[1], r[2], r[3]
			s00 += a0 * b0
			s01 += a0 * b1
			s02 += a0 * b2
			s03 += a0 * b3
			s10 += a1 * b0
			s11 += a1 * b1
			s12 += a1 * b2
			s13 += a1 * b3
		}
		s[0] = [4]float32{s00, s01, s02, s03}
		s[1] = [4]float32{s10, s11, s12, s13}
	}
	t.put(i, j, &s[0])
	t.put(i+1, j, &s[1])
}

func tileGeneric1(t *tile, i, j uintptr) {
	var s [4]float32
	for q := range t.nb {
		a := unsafe.Add(t.a, offset(t.aoff, q)+i*t.rs)
		b := unsafe.Add(t.b, offset(t.boff, q)+j*floatSize)
		for k := range t.k {
			a0 := *at(a, k*t.cs)
			r := (*[4]float32)(unsafe.Add(b, k*t.bs))
			s[0] += a0 * r[0]
			s[1] += a0 * r[1]
			s[2] += a0 * r[2]
			s[3] += a0 * r[3]
		}
	}
	t.put(i, j, &s)
}

func offset(list *uintptr, q uintptr) uintptr {
	return *(*uintptr)(unsafe.Add(unsafe.Pointer(list), q*unsafe.Sizeof(q)))
}

// put stores or adds four sums to row i of C, columns j to j+3 as far as they exist.
func (t *tile) put(i, j uintptr, s *[4]float32) {
	for l := range uintptr(4) {
		if t.mask>>(j+l)&1 == 0 {
			return
		}
		c := at(t.c, i*t.ldc+(j+l)*floatSize)
		if t.add != 0 {
			*c += s[l]
		} else {
			*c = s[l]
		}
	}
}

// aside is t with all nr columns, computed into full [mr,nr].
func (t *tile) aside(full []float32, nr int) tile {
	u := *t
	u.c, u.ldc, u.add = unsafe.Pointer(&full[0]), bytes(nr), 0
	u.columns(nr)
	return u
}

// take stores or adds the columns of full [mr,nr] that exist.
func (t *tile) take(full []float32, mr, nr int) {
	for i := range mr {
		for j := 0; j < nr && t.mask>>j != 0; j++ {
			c := at(t.c, uintptr(i)*t.ldc+uintptr(j)*floatSize)
			if t.add != 0 {
				*c += full[i*nr+j]
			} else {
				*c = full[i*nr+j]
			}
		}
	}
}

// transpose writes dst[n,m] = src[m,n] transposed; ldd and lds are row strides in floats.
func transpose(dst []float32, ldd int, src []float32, lds int, m, n int) {
	block := dims().block
	mb, nb := m/block*block, n/block*block
	if block > 1 && mb > 0 && nb > 0 {
		_, _ = dst[(nb-1)*ldd+mb-1], src[(mb-1)*lds+nb-1]
		for i := 0; i < mb; i += block {
			for j := 0; j < nb; j += block {
				transposeBlock(&dst[j*ldd+i], bytes(ldd), &src[i*lds+j], bytes(lds))
			}
		}
	} else {
		mb, nb = 0, 0
	}
	for i := range m {
		from := 0
		if i < mb {
			from = nb
		}
		for j, v := range src[i*lds+from : i*lds+n] {
			dst[(from+j)*ldd+i] = v
		}
	}
}

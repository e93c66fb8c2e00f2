package layer

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// What sRGB and CIE L*a*b* are made of: from linear red, green and blue to X, Y and Z over those of white, D65 (IEC
// 61966-2-1), and the place where the cube root of L*a*b* becomes a line (CIE 15).
var whiteXYZ = [3][3]float64{
	{0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047},
	{0.2126729, 0.7151522, 0.0721750},
	{0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883},
}

const labLine = 6.0 / 29

// LabOf is the colour L*a*b* of sRGB between 0 and 1: L from 0 to 100, a and b within about 108 of 0, which is grey. It
// is the plain form of Lab.
func LabOf(rgb [3]float64) (lab [3]float64) {
	var f [3]float64
	for i, row := range whiteXYZ {
		t := 0.0
		for k, c := range rgb {
			if c > 0.04045 {
				c = math.Pow((c+0.055)/1.055, 2.4)
			} else {
				c /= 12.92
			}
			t += row[k] * c
		}
		if t > labLine*labLine*labLine {
			f[i] = math.Cbrt(t)
		} else {
			f[i] = t/(3*labLine*labLine) + 4.0/29
		}
	}
	return [3]float64{116*f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])}
}

// Lab is the colours L*a*b* of sRGB images x [...,3] between 0 and 1.
func Lab(s *graph.Scope, x *graph.Node) *graph.Node {
	shape := op.ShapeOf(x)
	x = op.Reshape(x, -1, 3)
	linear := either(s, x, 0.04045, op.Scale(x, 1/12.92), power(op.Affine(op.Relu(x), 1/1.055, 0.055/1.055), 2.4))
	t := times(s, "const/xyz", linear, whiteXYZ)
	const least = labLine * labLine * labLine
	f := either(s, t, least, op.Affine(t, 1/(3*labLine*labLine), 4.0/29),
		power(op.Shift(op.Relu(op.Shift(t, -least)), least), 1.0/3))
	lab := times(s, "const/lab", f, [3][3]float64{{0, 116, 0}, {500, -500, 0}, {0, 200, -200}})
	return op.Reshape(op.Add(lab, s.Floats("const/lab_at", []float64{-16, 0, 0}, 3)), shape...)
}

// FromLab is the images between 0 and 1 of colours L*a*b* x [...,3], the nearest value for what sRGB does not have.
func FromLab(s *graph.Scope, x *graph.Node) *graph.Node {
	shape := op.ShapeOf(x)
	x = op.Add(op.Reshape(x, -1, 3), s.Floats("const/lab_from", []float64{16, 0, 0}, 3))
	f := times(s, "const/lab_inverse", x, [3][3]float64{
		{1.0 / 116, 1.0 / 500, 0},
		{1.0 / 116, 0, 0},
		{1.0 / 116, 0, -1.0 / 200},
	})
	t := either(s, f, labLine, op.Affine(f, 3*labLine*labLine, -3*labLine*labLine*4/29), op.Mul(op.Square(f), f))
	linear := times(s, "const/xyz_inverse", t, inverse(whiteXYZ))
	linear = op.Affine(op.Relu(op.Affine(op.Relu(linear), -1, 1)), -1, 1) // within 0 and 1
	const least = 0.0031308
	return op.Reshape(either(s, linear, least, op.Scale(linear, 12.92),
		op.Affine(power(op.Shift(op.Relu(op.Shift(linear, -least)), least), 1/2.4), 1.055, -0.055)), shape...)
}

// either is below where x is at most a bound, and above elsewhere.
func either(s *graph.Scope, x *graph.Node, bound float64, below, above *graph.Node) *graph.Node {
	return op.Add(below, op.Mul(op.Greater(x, s.Constant(bound)), op.Sub(above, below)))
}

// power is x to a power, x above 0.
func power(x *graph.Node, to float64) *graph.Node { return op.Exp(op.Scale(op.Log(x), to)) }

// times is the matrix m times each row of x [N,3].
func times(s *graph.Scope, name string, x *graph.Node, m [3][3]float64) *graph.Node {
	var v []float64
	for _, row := range m {
		v = append(v, row[:]...)
	}
	return op.MatMul(x, s.Floats(name, v, 3, 3), false, true)
}

// inverse is the inverse of a matrix, by its cofactors.
func inverse(m [3][3]float64) (inv [3][3]float64) {
	minor := func(i, k int) float64 {
		r, t, c, d := (i+1)%3, (i+2)%3, (k+1)%3, (k+2)%3
		return m[r][c]*m[t][d] - m[r][d]*m[t][c]
	}
	det := m[0][0]*minor(0, 0) + m[0][1]*minor(0, 1) + m[0][2]*minor(0, 2)
	for i := range 3 {
		for k := range 3 {
			inv[k][i] = minor(i, k) / det
		}
	}
	return inv
}

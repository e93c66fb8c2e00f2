// Products of small matrices by a warp, and ldmatrix: PTX ISA 9.7.13. Which element each lane holds is the hardware's
// layout.
//
// Products are exact, sums of one instruction are made in float64 and rounded once to float32. Tensor cores cut sums to
// fewer bits, so a GPU's results differ in the last ones. tf32 operands lose their lower 13 bits, as the hardware reads
// them.
#include "decode.h"
#include "half.h"
#include "run.h"

namespace emu {
namespace {

float tf32(uint32_t bits) { return bitsAs<float>(bits & ~0x1fffu); }

// mma is D = A B + C with A [16,K], B [K,8]. group = lane / 4, t = lane % 4. 16-bit operands stand two in a register,
// the lower one first:
//   A, 16 bits: register r has row group + 8 (r % 2), columns 2t, 2t+1, + 8 (r / 2);  B: register r has rows 2t, 2t+1,
//   + 8 r, column group A, tf32:    register r has row group + 8 (r % 2), column t + 4 (r / 2);            B: register
//   r has row t + 4 r, column group C and D:    register r has row group + 8 (r / 2), column 2t + r % 2
// Registers: D at 0, A at 4, B at 8, C at 10.
template <float (*half)(uint16_t), int K> void mma(Warp &w, const Ins &i, uint32_t lanes) {
	constexpr bool wide = half == nullptr;
	constexpr int registersA = wide ? K / 2 : K / 4, registersB = registersA / 2;
	float a[16][K], b[K][8];
	EACH {
		int group = l / 4, t = l % 4;
		for (int r = 0; r < registersA; r++) {
			uint32_t v = w.at<uint32_t>(i.r[4 + r])[l];
			int row = group + 8 * (r % 2);
			if constexpr (wide) {
				a[row][t + 4 * (r / 2)] = tf32(v);
			} else {
				a[row][2 * t + 8 * (r / 2)] = half(uint16_t(v));
				a[row][2 * t + 1 + 8 * (r / 2)] = half(uint16_t(v >> 16));
			}
		}
		for (int r = 0; r < registersB; r++) {
			uint32_t v = w.at<uint32_t>(i.r[8 + r])[l];
			if constexpr (wide) {
				b[t + 4 * r][group] = tf32(v);
			} else {
				b[2 * t + 8 * r][group] = half(uint16_t(v));
				b[2 * t + 1 + 8 * r][group] = half(uint16_t(v >> 16));
			}
		}
	}
	double sum[16][8] = {};
	for (int row = 0; row < 16; row++)
		for (int k = 0; k < K; k++)
			for (int c = 0; c < 8; c++)
				sum[row][c] += (double)a[row][k] * (double)b[k][c];
	float d[4][Lanes];
	for (int r = 0; r < 4; r++) {
		In<float> c(w, i.r[10 + r]);
		EACH {
			float v = (float)(sum[l / 4 + 8 * (r / 2)][2 * (l % 4) + r % 2] + (double)c[l]);
			d[r][l] = v != v ? bitsAs<float>(QuietNaN32) : v;
		}
	}
	for (int r = 0; r < 4; r++)
		store<float>(w, i.r[r], lanes, [&](int l) { return d[r][l]; });
}

// ldmatrix: lanes 8m to 8m+7 give the addresses of the rows of matrix m, 8 elements of 16 bits each. Lane l gets of
// each matrix the elements 2 (l % 4) and the next of row l / 4, or with .trans those of column l / 4.
template <int matrices, bool transposed> void ldmatrix(Warp &w, const Ins &i, uint32_t lanes) {
	char *row[Lanes];
	uint32_t asked = matrices == 4 ? ~0u : (1u << (8 * matrices)) - 1;
	access(w, i, asked, 16, Access::read, row);
	uint32_t v[matrices][Lanes];
	for (int m = 0; m < matrices; m++)
		EACH for (int h = 0; h < 2; h++) {
			int r = transposed ? 2 * (l % 4) + h : l / 4, c = transposed ? l / 4 : 2 * (l % 4) + h;
			uint16_t e;
			memcpy(&e, row[8 * m + r] + 2 * c, 2);
			v[m][l] = h ? v[m][l] | (uint32_t)e << 16 : e;
		}
	for (int m = 0; m < matrices; m++)
		store<uint32_t>(w, i.r[m], lanes, [&](int l) { return v[m][l]; });
}

void decodeMMA(Decoder &d) {
	const Statement &s = *d.s;
	static const struct {
		const char *name;
		Handler run;
		size_t a, b;
		Type type;
		int target;
	} shapes[] = {
		{"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", mma<fromBF16, 16>, 4, 2, Type::b32, 80},
		{"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", mma<fromBF16, 8>, 2, 1, Type::b32, 80},
		{"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", mma<fromF16, 16>, 4, 2, Type::b32, 80},
		{"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", mma<fromF16, 8>, 2, 1, Type::b32, 75},
		{"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", mma<nullptr, 8>, 4, 2, Type::b32, 80},
		{"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", mma<nullptr, 4>, 2, 1, Type::b32, 80},
	};
	for (auto &shape : shapes)
		if (s.full() == shape.name) {
			if (d.targetIsBelow(shape.target))
				d.fail("needs sm_" + std::to_string(shape.target));
			d.args(4);
			const size_t sizes[] = {4, shape.a, shape.b, 4};
			const uint32_t at[] = {0, 4, 8, 10};
			for (size_t k : {1, 2, 3, 0}) {
				auto &list = s.args[k].elements;
				bool single = s.args[k].kind == Operand::reg && sizes[k] == 1;
				if (!single && list.size() != sizes[k])
					d.fail("operand " + std::to_string(k) + " has " + std::to_string(list.size()) + " registers, " +
						std::to_string(sizes[k]) + " are right");
				for (size_t r = 0; r < sizes[k]; r++) {
					auto &o = single ? s.args[k] : list[r];
					d.i.r[at[k] + r] = k == 0 ? d.result(o, Type::f32) : d.source(o, k == 3 ? Type::f32 : Type::b32);
				}
			}
			d.i.run = shape.run;
			return;
		}
	std::string list;
	for (auto &shape : shapes)
		list += std::string(list.empty() ? "" : ", ") + shape.name;
	d.fail("this shape is not supported; these are: " + list);
}

} // namespace

bool decodeMatrix(Decoder &d) {
	const Statement &s = *d.s;
	if (s.op[0] == "mma") {
		decodeMMA(d);
	} else if (s.op[0] == "ldmatrix") {
		d.known({"sync", "aligned", "m8n8", "x1", "x2", "x4", "trans", "shared", "shared::cta"});
		if (d.targetIsBelow(75))
			d.fail("needs sm_75");
		d.args(2);
		bool t = s.has("trans");
		size_t n = s.has("x1") ? 1 : s.has("x2") ? 2 : s.has("x4") ? 4 : 0;
		if (d.type() != Type::b16 || n == 0 || !s.has("m8n8"))
			d.fail(".m8n8, .x1, .x2 or .x4, and .b16 are expected");
		d.i.run = n == 1 ? (t ? ldmatrix<1, true> : ldmatrix<1, false>)
			: n == 2     ? (t ? ldmatrix<2, true> : ldmatrix<2, false>)
						 : (t ? ldmatrix<4, true> : ldmatrix<4, false>);
		d.address(s.args[1], s.has("shared") || s.has("shared::cta") ? Space::shared : Space::generic, AddressAt);
		bool single = s.args[0].kind == Operand::reg && n == 1;
		if (!single && s.args[0].elements.size() != n)
			d.fail("{...} of " + std::to_string(n) + " registers is expected");
		for (size_t k = 0; k < n; k++)
			d.i.r[k] = d.result(single ? s.args[0] : s.args[0].elements[k], Type::b32);
		d.access(2);
	} else {
		return false;
	}
	d.i.flow = Flow::converge;
	d.i.orders = s.op[0] == "mma"; // ldmatrix waits for the lanes, and orders nothing
	d.i.count = WholeWarp;
	d.i.r[MembersAt] = d.constant(~0u, 4);
	d.emit();
	return true;
}

} // namespace emu

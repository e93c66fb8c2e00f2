// What the lanes of a warp do together: shfl, vote, redux, bar.warp, activemask. PTX ISA 9.7.8.6 and 9.7.12.
#include "decode.h"
#include "run.h"

namespace emu {
namespace {

enum Way { idx, up, down, bfly };
// A lane that reads one that takes no part gets this; PTX leaves it open.
constexpr uint32_t Nothing = 0xffc0dead;

template <Way way> void shfl(Warp &w, const Ins &i, uint32_t lanes) {
	uint32_t from[Lanes], inside = 0;
	In<uint32_t> value(w, i.r[1]), b(w, i.r[2]), c(w, i.r[3]);
	uint32_t v[Lanes];
	EACH v[l] = lanes >> l & 1 ? value[l] : Nothing;
	EACH {
		int lane = l, by = int(b[l] & 31), clamp = int(c[l] & 31), segment = int(c[l] >> 8 & 31);
		int most = (lane & segment) | (clamp & ~segment), least = lane & segment;
		int j = way == up ? lane - by : way == down ? lane + by : way == bfly ? lane ^ by : least | (by & ~segment);
		bool ok = way == up ? j >= most : j <= most;
		from[l] = v[(ok ? j : lane) & 31];
		inside |= (uint32_t)ok << l;
	}
	store<uint32_t>(w, i.r[0], lanes, [&](int l) { return from[l]; });
	if (i.r[4])
		setPredicate(w, i.r[4], lanes, inside);
}

enum Vote { all, any, uni, ballot };
template <Vote kind> void vote(Warp &w, const Ins &i, uint32_t lanes) {
	uint32_t yes = w.predicate[i.r[1]] & lanes;
	if (kind == ballot) {
		store<uint32_t>(w, i.r[0], lanes, [&](int) { return yes; });
		return;
	}
	bool is = kind == all ? yes == lanes : kind == any ? yes != 0 : yes == 0 || yes == lanes;
	setPredicate(w, i.r[0], lanes, is ? ~0u : 0);
}

template <class T> void redux(Warp &w, const Ins &i, uint32_t lanes) {
	In<T> a(w, i.r[1]);
	bool first = true;
	T sum = 0;
	EACH_OF (lanes) {
		T v = a[l];
		if (first)
			sum = v;
		else
			switch (i.value) {
			case 'a': sum = T((uint32_t)sum + (uint32_t)v); break;
			case 'm': sum = v < sum ? v : sum; break;
			case 'M': sum = v > sum ? v : sum; break;
			case '&': sum &= v; break;
			case '|': sum |= v; break;
			case '^': sum ^= v; break;
			}
		first = false;
	}
	store<T>(w, i.r[0], lanes, [&](int) { return sum; });
}

void active(Warp &w, const Ins &i, uint32_t lanes) {
	store<uint32_t>(w, i.r[0], lanes, [&](int) { return lanes; });
}
void nothing(Warp &, const Ins &, uint32_t) {} // to be together is all

} // namespace

bool decodeWarp(Decoder &d) {
	const Statement &s = *d.s;
	const std::string &op = s.op[0];
	Type u32 = Type::u32;
	d.i.flow = Flow::converge;
	d.i.orders = true;
	auto member = [&](const Operand &o) { d.i.r[MembersAt] = d.source(o, u32); };
	if (op == "shfl" && s.has("sync")) {
		d.known({"sync", "idx", "up", "down", "bfly"});
		d.args(5);
		if (d.type() != Type::b32)
			d.fail("shfl moves .b32");
		d.i.run = s.has("idx") ? shfl<idx> : s.has("up") ? shfl<up> : s.has("down") ? shfl<down> : shfl<bfly>;
		for (int k = 1; k <= 3; k++)
			d.i.r[k] = d.source(s.args[k], u32);
		member(s.args[4]);
		d.i.r[0] = d.result(s.args[0], u32);
		d.i.r[4] = s.args[0].elements.empty() ? 0 : d.resultPredicate(s.args[0].elements[0]);
	} else if (op == "vote" && s.has("sync")) {
		d.known({"sync", "all", "any", "uni", "ballot"});
		d.args(3);
		bool bits = s.has("ballot");
		d.i.run = bits ? vote<ballot> : s.has("all") ? vote<all> : s.has("any") ? vote<any> : vote<uni>;
		d.i.r[1] = d.sourcePredicate(s.args[1]);
		member(s.args[2]);
		d.i.r[0] = bits ? d.result(s.args[0], u32) : d.resultPredicate(s.args[0]);
	} else if (op == "redux" && s.has("sync")) {
		d.known({"sync", "add", "min", "max", "and", "or", "xor"});
		d.args(3);
		if (d.targetIsBelow(80))
			d.fail("needs sm_80");
		Type t = d.type();
		d.i.run = t == Type::s32 ? redux<int32_t> : redux<uint32_t>;
		d.i.value = s.has("add") ? 'a'
			: s.has("min")       ? 'm'
			: s.has("max")       ? 'M'
			: s.has("and")       ? '&'
			: s.has("or")        ? '|'
								 : '^';
		d.i.r[1] = d.source(s.args[1], u32);
		member(s.args[2]);
		d.i.r[0] = d.result(s.args[0], u32);
	} else if ((op == "bar" || op == "barrier") && s.has("warp")) {
		d.known({"warp", "sync"});
		d.args(1);
		d.i.run = nothing;
		member(s.args[0]);
	} else if (op == "activemask") {
		d.known({});
		d.args(1);
		d.i.flow = Flow::none;
		d.i.orders = false;
		d.i.run = active;
		d.i.r[0] = d.result(s.args[0], u32);
	} else {
		d.i.flow = Flow::none;
		d.i.orders = false;
		return false;
	}
	d.emit();
	return true;
}

} // namespace emu

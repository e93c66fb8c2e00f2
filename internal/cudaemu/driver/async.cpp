// cp.async: PTX ISA 9.7.9.25. The bytes arrive as late as PTX allows: when their thread waits for their group.
#include "decode.h"
#include "run.h"

namespace emu {

// A copy that is under way.
struct AsyncCopy {
	uint32_t lane, group, bytes;
	char *to;
	uint8_t data[16];
};
struct AsyncState {
	std::vector<AsyncCopy> open;
	uint32_t groups[Lanes] = {}; // committed so far
};

AsyncState *newAsyncState() { return new AsyncState; }
void deleteAsyncState(AsyncState *s) { delete s; }
void resetAsyncState(AsyncState &s) { s = AsyncState(); }

namespace {

void copy(Warp &w, const Ins &i, uint32_t lanes) {
	char *to[Lanes], *from[Lanes];
	access(w, i, lanes, i.bytes, Access::async, to);
	Ins read = i;
	read.space = Space::global;
	read.r[AddressAt] = i.r[0];
	read.value = *w.at<int64_t>(i.r[1]);
	read.serial = i.serial + 1;
	In<uint32_t> count(w, i.r[2]);
	uint32_t some = 0;
	EACH_OF (lanes) {
		if (count[l] > i.bytes)
			throw Fault{LaunchFailed,
				"copies " + std::to_string(count[l]) + " bytes in an access of " + std::to_string(i.bytes), (int)l};
		if (count[l])
			some |= 1u << l;
	}
	access(w, read, some, i.bytes, Access::read, from);
	EACH_OF (lanes) {
		AsyncCopy c = {l, w.async->groups[l], i.bytes, to[l], {}};
		if (count[l])
			memcpy(c.data, from[l], count[l]);
		w.async->open.push_back(c);
	}
}

void commit(Warp &w, const Ins &, uint32_t lanes) {
	EACH_OF (lanes)
		w.async->groups[l]++;
}

// wait lets the copies of all but the last i.value groups arrive; with i.count all.
void wait(Warp &w, const Ins &i, uint32_t lanes) {
	auto &open = w.async->open;
	size_t kept = 0;
	for (auto &c : open) {
		bool arrives =
			(lanes >> c.lane & 1) && (i.count || (uint64_t)c.group + (uint64_t)i.value < w.async->groups[c.lane]);
		if (!arrives) {
			open[kept++] = c;
			continue;
		}
		memcpy(c.to, c.data, c.bytes);
		if (w.block->shadow)
			w.block->shadow->arrive(
				*w.block, (uint32_t)w.number * Lanes + c.lane, (uint64_t)(c.to - w.block->shared.data()), c.bytes);
	}
	open.resize(kept);
}

} // namespace

bool decodeAsync(Decoder &d) {
	const Statement &s = *d.s;
	if (s.op[0] != "cp" || !s.has("async"))
		return false;
	if (d.targetIsBelow(80))
		d.fail("needs sm_80");
	if (s.has("commit_group") || s.has("wait_group") || s.has("wait_all")) {
		d.known({"async", "commit_group", "wait_group", "wait_all"});
		bool group = s.has("wait_group");
		d.args(group);
		if (group && s.args[0].kind != Operand::integer)
			d.fail("the number of groups must be a constant");
		d.i.run = s.has("commit_group") ? commit : wait;
		d.i.count = s.has("wait_all");
		d.i.value = group ? (int64_t)s.args[0].bits : 0;
		d.emit();
		return true;
	}
	d.known({"async", "ca", "cg", "shared", "shared::cta", "global", "L2::64B", "L2::128B", "L2::256B"});
	d.args(3, 4);
	if (s.args[2].kind != Operand::integer)
		d.fail("the size must be a constant");
	uint64_t bytes = s.args[2].bits;
	if (!(s.has("ca") && (bytes == 4 || bytes == 8 || bytes == 16)) && !(s.has("cg") && bytes == 16))
		d.fail(std::to_string(bytes) + " bytes: .ca copies 4, 8 or 16, .cg 16");
	d.address(s.args[1], Space::global, 0);
	d.i.r[1] = d.constant((uint64_t)d.i.value, 8);
	d.address(s.args[0], Space::shared, AddressAt);
	d.i.r[2] = s.args.size() > 3 ? d.source(s.args[3], Type::u32) : d.constant(bytes, 4);
	d.i.bytes = (uint8_t)bytes;
	d.i.run = copy;
	d.access(4);
	uint32_t serial = d.i.serial;
	d.access(4); // two accesses
	d.i.serial = serial;
	d.emit();
	return true;
}

} // namespace emu

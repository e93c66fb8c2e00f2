// Package room tells how much memory a process may still take, so that what does not fit is refused in a sentence
// before it is taken: the Go runtime ends a process that asks for more than there is.
package room

import (
	"bufio"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Room is the memory left under the tightest of the limits of a process.
type Room struct {
	Bytes int64  // math.MaxInt64 where no limit is known
	Limit string // what sets the limit, such as "the machine's memory"
}

// Unlimited is the room where nothing is known of a limit.
var Unlimited = Room{Bytes: math.MaxInt64}

// with is the tighter one of r and what a limit leaves.
func (r Room) with(bytes int64, limit string) Room {
	if bytes = max(bytes, 0); bytes < r.Bytes {
		return Room{bytes, limit}
	}
	return r
}

// limits are those of a process that are no files, in bytes; a negative one is none.
type limits struct {
	addresses int64 // all that is mapped
	data      int64 // what of it can be written and is its own
}

// read is the room by what a Linux system tells below root, "/" but for tests.
func read(root string, own limits) Room {
	r := Unlimited
	status := numbers(filepath.Join(root, "proc/self/status"))
	if own.addresses >= 0 {
		r = r.with(own.addresses-status["VmSize"]<<10, "the limit on its address space (ulimit -v)")
	}
	if own.data >= 0 {
		r = r.with(own.data-status["VmData"]<<10, "the limit on its data (ulimit -d)")
	}
	machine := numbers(filepath.Join(root, "proc/meminfo"))
	swap := machine["SwapFree"] << 10
	if kb, ok := machine["MemAvailable"]; ok {
		r = r.with(kb<<10+swap, "the machine's memory")
	}
	groups := groupsOf(filepath.Join(root, "proc/self/cgroup"))
	if group, ok := groups[""]; ok {
		for _, dir := range upwards(filepath.Join(root, "sys/fs/cgroup"), group) {
			r = version2(r, dir, swap)
		}
	}
	if group, ok := groups["memory"]; ok {
		for _, dir := range upwards(filepath.Join(root, "sys/fs/cgroup/memory"), group) {
			r = version1(r, dir)
		}
	}
	return r
}

const groupLimit = "the memory limit of its control group"

// version2 takes in a control group of version 2. Pages that only hold parts of files are given up for others.
func version2(r Room, dir string, swap int64) Room {
	most, ok := number(filepath.Join(dir, "memory.max"))
	if !ok {
		return r
	}
	used, _ := number(filepath.Join(dir, "memory.current"))
	stat := numbers(filepath.Join(dir, "memory.stat"))
	left := most - used + stat["inactive_file"] + stat["active_file"]
	if most, ok := number(filepath.Join(dir, "memory.swap.max")); ok {
		used, _ := number(filepath.Join(dir, "memory.swap.current"))
		swap = min(swap, max(0, most-used))
	}
	return r.with(left+swap, groupLimit)
}

// version1 takes in a control group of version 1.
func version1(r Room, dir string) Room {
	most, ok := number(filepath.Join(dir, "memory.limit_in_bytes"))
	if !ok || most >= math.MaxInt64>>1 { // no limit is a number near the largest
		return r
	}
	used, _ := number(filepath.Join(dir, "memory.usage_in_bytes"))
	stat := numbers(filepath.Join(dir, "memory.stat"))
	return r.with(most-used+stat["total_inactive_file"]+stat["total_active_file"], groupLimit)
}

// upwards lists the folders of a control group and of those above it. In a container the group's path may be that
// outside of it, and only the folder at the top is there.
func upwards(top, group string) []string {
	dirs := []string{top}
	for group = path.Clean("/" + group); group != "/"; group = path.Dir(group) {
		dirs = append(dirs, filepath.Join(top, filepath.FromSlash(group)))
	}
	return dirs
}

// groupsOf reads the process's control groups by controller; that of version 2 has none.
func groupsOf(file string) map[string]string {
	groups := map[string]string{}
	lines(file, func(line string) {
		if parts := strings.SplitN(line, ":", 3); len(parts) == 3 {
			for _, controller := range strings.Split(parts[1], ",") {
				groups[controller] = parts[2]
			}
		}
	})
	return groups
}

// number reads a file that holds a number; "max" is none.
func number(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// numbers reads a file of lines of a name and a number.
func numbers(file string) map[string]int64 {
	all := map[string]int64{}
	lines(file, func(line string) {
		if words := strings.Fields(line); len(words) > 1 {
			if n, err := strconv.ParseInt(words[1], 10, 64); err == nil {
				all[strings.TrimSuffix(words[0], ":")] = n
			}
		}
	})
	return all
}

func lines(file string, f func(line string)) {
	in, err := os.Open(file)
	if err != nil {
		return
	}
	defer in.Close()
	for s := bufio.NewScanner(in); s.Scan(); {
		f(s.Text())
	}
}

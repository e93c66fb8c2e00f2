package room

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The tightest limit is the room, and it is named.
func TestRead(t *testing.T) {
	const gb, none = 1 << 30, -1
	machine := map[string]string{
		"proc/meminfo":     "MemTotal:       33554432 kB\nMemAvailable:   16777216 kB\nSwapFree:        1048576 kB\n",
		"proc/self/status": "Name:\texperiment\nVmSize:\t 2097152 kB\nVmData:\t 1048576 kB\n",
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		own   limits
		bytes int64
		limit string
	}{
		{"nothing is known", nil, limits{none, none}, math.MaxInt64, ""},
		{"the machine", machine, limits{none, none}, 17 * gb, "the machine's memory"},
		{"address space", machine, limits{6 * gb, none}, 4 * gb, "the limit on its address space (ulimit -v)"},
		{"address space that is taken", machine, limits{gb, none}, 0, "the limit on its address space (ulimit -v)"},
		{"data", machine, limits{6 * gb, 3 * gb}, 2 * gb, "the limit on its data (ulimit -d)"},
		{"a group of version 2", with(machine, map[string]string{
			"proc/self/cgroup":                       "0::/user/job\n",
			"sys/fs/cgroup/user/job/memory.max":      "8589934592\n",
			"sys/fs/cgroup/user/job/memory.current":  "3221225472\n",
			"sys/fs/cgroup/user/job/memory.stat":     "anon 1\ninactive_file 1073741824\nactive_file 1073741824\n",
			"sys/fs/cgroup/user/job/memory.swap.max": "0\n", "sys/fs/cgroup/user/job/memory.swap.current": "0\n",
			"sys/fs/cgroup/user/memory.max": "max\n",
		}), limits{none, none}, 7 * gb, groupLimit},
		{"a group above that of version 2", with(machine, map[string]string{
			"proc/self/cgroup":                  "0::/user/job\n",
			"sys/fs/cgroup/user/job/memory.max": "max\n",
			"sys/fs/cgroup/user/memory.max":     "4294967296\n", "sys/fs/cgroup/user/memory.current": "3221225472\n",
		}), limits{none, none}, 2 * gb, groupLimit}, // one of them swap
		{"a container, whose group is at the top", with(machine, map[string]string{
			"proc/self/cgroup":         "0::/../../docker/abc\n",
			"sys/fs/cgroup/memory.max": "2147483648\n", "sys/fs/cgroup/memory.current": "1073741824\n",
			"sys/fs/cgroup/memory.swap.max": "0\n",
		}), limits{none, none}, gb, groupLimit},
		{"a group of version 1", with(machine, map[string]string{
			"proc/self/cgroup":                               "5:cpu,cpuacct:/\n4:memory:/job\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/memory/job/memory.limit_in_bytes": "5368709120\n",
			"sys/fs/cgroup/memory/job/memory.usage_in_bytes": "4294967296\n",
			"sys/fs/cgroup/memory/job/memory.stat": "total_inactive_file 536870912\n" +
				"total_active_file 536870912\n",
		}), limits{none, none}, 2 * gb, groupLimit},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			file := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got := read(root, c.own); got != (Room{c.bytes, c.limit}) {
			t.Errorf("%s: the room is %+v, want %d by %q", c.name, got, c.bytes, c.limit)
		}
	}
}

func with(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// There is room for a test, and on Linux some limit is known.
func TestLeft(t *testing.T) {
	r := Left()
	if r.Bytes < 1<<20 || runtime.GOOS == "linux" && r.Limit == "" {
		t.Errorf("the room is %+v", r)
	}
}

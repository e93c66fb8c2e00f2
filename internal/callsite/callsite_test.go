package callsite

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
)

type thing struct{ inner }

func (*thing) Pointer() {} // line 13
func (thing) Value()    {}

type inner struct{}

func (inner) Promoted() {}

func TestMethod(t *testing.T) {
	for name, want := range map[string]string{"Pointer": "callsite/callsite_test.go:13", "Missing": "",
		"Promoted": ""} {
		if got := Method(&thing{}, name); got != want {
			t.Errorf("%s is declared at %q, want %q", name, got, want)
		}
	}
	if got := Method(thing{}, "Value"); got != "callsite/callsite_test.go:14" {
		t.Errorf("Value is declared at %q", got)
	}
	if got := Method(nil, "Value"); got != "" {
		t.Errorf("a method of nil is declared at %q", got)
	}
}

func TestModule(t *testing.T) {
	if strings.Contains(module, "callsite") || module == "" {
		t.Fatalf("the module is %q", module)
	}
	f := Frame{Package: module + "/graph/op", File: "x/graph/op/apply.go", Line: 7}
	if !f.In("graph") || !f.In("heads", "graph/op") || f.In("grap") || f.In("graph/o") || !f.Own() ||
		f.String() != "op/apply.go:7" {
		t.Errorf("%+v is not in graph", f)
	}
	for _, path := range []string{module + "x/graph", "other/graph", module + "-graph"} {
		if f := (Frame{Package: path}); f.Own() || f.In("graph") {
			t.Errorf("%s passes for a package of this module", path)
		}
	}
}

func TestPackageOf(t *testing.T) {
	for function, want := range map[string]string{
		"main.main":                          "main",
		"a/b.(*T).Method.func1":              "a/b",
		"example.com/me/net.F[...]":          "example.com/me/net",
		"gopkg.in/yaml%2ev3.(*Node).Decode":  "gopkg.in/yaml.v3",
		"example.com/v.2/x.glob..func1.deep": "example.com/v.2/x",
	} {
		if got := packageOf(function); got != want {
			t.Errorf("%s is of package %q, want %q", function, got, want)
		}
	}
}

// A panic is named with the line that caused it, through the standard library and from within the runtime.
func TestPanic(t *testing.T) {
	after := func(f func()) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = Panic(r)
			}
		}()
		f()
		return nil
	}
	var none []int
	for _, c := range []struct {
		f    func()
		want string
	}{
		{func() { _ = none[3] }, `^panic: runtime error: index out of range \[3\] with length 0 \(`},
		{func() { bytes.Repeat([]byte("x"), -1) }, `^panic: bytes: negative Repeat count \(`},
		{func() { panic(errors.New("mine")) }, `^panic: mine \(`},
		{func() { var m *thing; _ = m.inner; _ = m.Value; m.Value() },
			`^panic: runtime error: invalid memory address .* \(`},
	} {
		err := after(c.f)
		if err == nil || !regexp.MustCompile(c.want+`callsite/callsite_test\.go:\d+\)$`).MatchString(err.Error()) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// The stack begins with the caller and leaves out the standard library.
func TestStack(t *testing.T) {
	stack := Stack()
	if len(stack) != 1 || stack[0].Function != module+here+".TestStack" || !stack[0].Test() {
		t.Errorf("the stack is %v, want this test alone", stack)
	}
}

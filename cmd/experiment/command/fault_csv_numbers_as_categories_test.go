package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tableWords runs data info on a table with settings, and checks what it prints.
func tableWords(t *testing.T, name, file, settings string, status int, parts ...string) {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{"t.csv": file, "t.toml": "[data.table]\ntrain = \"t.csv\"\ntarget " +
		"= \"label\"\n" + settings + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, out, errs := call("data", "info", filepath.Join(dir, "t.toml"))
	if got != status {
		t.Errorf("%s: status %d, want %d: %s", name, got, status, errs)
	}
	for _, part := range parts {
		if !strings.Contains(out+errs, part) {
			t.Errorf("%s: want %q in\n%s%s", name, part, out, errs)
		}
	}
}

// rowsOf is 20 rows of a column x, a number y and a label.
func rowsOf(separator, x, y string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "x%[1]sy%[1]slabel\n", separator)
	for i := range 20 {
		fmt.Fprintf(&b, x+separator+y+separator+"%[2]c\n", i+1, "ab"[i%2])
	}
	return b.String()
}

// Numbers with thousands, percent signs, decimal commas and U+2212 never become categories: they are read, or the error
// says what to set, and that reads them.
func TestFaultCSVNumbersAsCategories(t *testing.T) {
	thousands, percent := rowsOf(",", `"%[1]d,000"`, "%[1]d.5"), rowsOf(",", "%[1]d%%", "%[1]d.5")
	comma, minus := rowsOf(";", "%[1]d", "%[1]d,5"), rowsOf(",", "\u2212%[1]d", "%[1]d.5")
	tableWords(t, "thousands", thousands, "", 3, `t.csv:2:1: column "x": "1,000" is no number`,
		`all 20 values are with thousands = ","`)
	tableWords(t, "thousands, set", thousands, `thousands = ","`, 0, "column x  number, mean ")
	tableWords(t, "thousands, categorical", thousands, `categorical = ["x"]`, 3, `"4,000"`, "is the column of numbers")
	tableWords(t, "thousands, categorical after all", thousands, "categorical = [\"x\"]\nmax_unseen = 1.0", 0,
		"column x  16 categories")
	tableWords(t, "percent", percent, "", 0, "column x  number in percent, mean ")
	tableWords(t, "decimal comma", comma, `separator = ";"`, 3, `t.csv:2:3: column "y": "1,5" is no number`,
		`all 20 values are with decimal = ","`)
	tableWords(t, "decimal comma, set", comma, "separator = \";\"\ndecimal = \",\"", 0, "column y  number, mean ")
	tableWords(t, "minus", minus, "", 0, "column x  number, mean -")
	tableWords(t, "dates", rowsOf(",", "2024-03-%02[1]d", "%[1]d"), "", 3,
		`column "x": "2024-03-01" looks like a number and is none, and 20 of 20 values differ`)
}

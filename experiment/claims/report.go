package claims

import (
	"fmt"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// Markdown is a table of outcomes: a row an expectation, with means over the seeds, the paired difference and its 95 %
// interval.
func Markdown(all []*Outcome) string {
	var b strings.Builder
	b.WriteString("| section | claim | measure | arms | difference | 95 % | seeds | verdict |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, o := range all {
		if len(o.Judged) == 0 {
			fmt.Fprintf(&b, "| %s | %s: %s | | %s | | | %d of %d | not run |\n", o.Section, o.Name, o.Claim.Claim,
				strings.Join(o.Arms, ", "), o.Done[o.Arms[0]], o.Seeds)
		}
		for i, j := range o.Judged {
			claim := o.Name + ": " + o.Claim.Claim
			if o.Remark != "" {
				claim += " " + o.Remark
			}
			if i > 0 {
				claim = ""
			}
			relation := ">"
			if j.Alike {
				relation = "="
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s %.3f %s %s %.3f%s | %+.3f | %+.3f to %+.3f | %d of %d | %s |\n",
				o.Section, claim, j.measure(), j.better(), stat.Mean(j.A, nil), relation, j.worse(),
				stat.Mean(j.B, nil), j.margin(), j.Difference, j.Low, j.High, len(j.A), o.Seeds, j.Verdict)
		}
	}
	return b.String()
}

// margin says by how much the arms must differ, or may.
func (j *Judged) margin() string {
	switch {
	case j.Alike:
		return fmt.Sprintf(" within %v", j.Margin)
	case j.Margin > 0:
		return fmt.Sprintf(" by %v", j.Margin)
	}
	return ""
}

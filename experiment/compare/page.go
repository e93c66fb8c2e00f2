package compare

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/report/page"
)

const (
	pageNumbers = 20000 // points of a curve over all runs of a page, which bound its size
	pageLeast   = 100   // points of a curve of one run, however many there are
)

// Page is runs in the order in which they are named, each folder a run's or one of runs, those that fulfil a condition,
// or all if it is nil: their curves, results, and the settings in which they differ. Runs that go on or were
// interrupted are shown as far as they are; recipes of runs that are done are compared over their seeds.
func Page(dirs []string, where *Where, now time.Time) (*page.Page, []experiment.Past, error) {
	all, err := pastsOf(dirs, where, now)
	if err != nil {
		return nil, nil, err
	}
	p := &page.Page{Title: all[0].Run}
	points := max(pageLeast, min(1500, pageNumbers/len(all)))
	for _, one := range all {
		r, err := experiment.PageRun(one, points)
		if err != nil {
			return nil, nil, err
		}
		p.Runs = append(p.Runs, r)
	}
	nameRuns(p.Runs, all)
	if len(all) == 1 {
		p.Title, p.Differences = p.Runs[0].Name, experiment.Written(all[0].Settings)
		sheets, err := experiment.FolderSheets(all[0].Run)
		if len(sheets) > 0 {
			p.Runs[0].Pictures = &page.Pictures{Sheets: sheets}
		}
		return p, all, err
	}
	p.Title = fmt.Sprintf("%d runs", len(all))
	if d := settingsOf(all); len(d.Keys) > 0 {
		p.Differences = d
	}
	p.Comparisons, p.Remarks = comparisons(all)
	return p, all, nil
}

// pastsOf reads the runs that are named, each once.
func pastsOf(dirs []string, where *Where, now time.Time) (all []experiment.Past, err error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		runs, err := experiment.History(dir, now)
		if err != nil {
			return nil, err
		}
		if len(runs) == 0 {
			return nil, &experiment.DataError{Err: fmt.Errorf("%s is no run folder and holds none", dir)}
		}
		for _, r := range runs {
			if !seen[filepath.Clean(r.Run)] {
				seen[filepath.Clean(r.Run)] = true
				all = append(all, r)
			}
		}
	}
	if where == nil {
		return all, nil
	}
	if all, err = where.Of(all); err == nil && len(all) == 0 {
		err = &experiment.DataError{Err: fmt.Errorf("none of the runs fulfils --where %s", where.text)}
	}
	return all, err
}

// nameRuns adds the folder above to the names of runs that are called alike.
func nameRuns(runs []page.Run, all []experiment.Past) {
	count := map[string]int{}
	for _, r := range runs {
		count[r.Name]++
	}
	for i := range runs {
		if count[runs[i].Name] > 1 {
			runs[i].Name = filepath.ToSlash(filepath.Clean(all[i].Run))
		}
	}
}

// settingsOf is the settings in which runs differ, seeds among them, with the origin of every value.
func settingsOf(all []experiment.Past) *page.Differences {
	var groups []*Group
	d := &page.Differences{}
	seeds := map[string]map[string]bool{} // values of settings that are seeds
	for _, p := range all {
		alone, _ := into(nil, Run{Past: p})
		groups = append(groups, alone[0])
		for _, s := range p.Settings {
			if experiment.IsSeed(s.Key) {
				if seeds[s.Key] == nil {
					seeds[s.Key] = map[string]bool{}
				}
				seeds[s.Key][s.Value] = true
			}
		}
	}
	d.Keys = Differing(groups)
	for _, s := range all[0].Settings {
		if len(seeds[s.Key]) > 1 {
			d.Keys = append([]string{s.Key}, d.Keys...)
		}
	}
	for _, key := range d.Keys {
		values, origins := make([]string, len(all)), make([]string, len(all))
		for i, p := range all {
			for _, s := range p.Settings {
				if s.Key == key {
					values[i], origins[i] = s.Value, s.Origin
				}
			}
		}
		d.Values, d.Origin = append(d.Values, values), append(d.Origin, origins)
	}
	return d
}

// comparisons compares the recipes of runs that are done with the first of them, by the first metric of every protocol;
// none where there is one recipe. remarks say which runs are left out and why.
func comparisons(all []experiment.Past) (list []page.Comparison, remarks []string) {
	var groups []*Group
	for _, p := range all {
		run, why := finished(p)
		if why == "" {
			groups, why = into(groups, run)
		}
		if why != "" {
			remarks = append(remarks, fmt.Sprintf("%s has no part in the comparisons: %s", filepath.Base(p.Run), why))
		}
	}
	if len(groups) < 2 {
		return nil, nil
	}
	label(groups)
	var tables []*Table
	for _, measure := range usual(groups) {
		t, err := Tables(groups, groups[0], []string{measure})
		if err != nil {
			remarks = append(remarks, fmt.Sprintf("%s is not compared: %v", measure, err))
			continue
		}
		tables = append(tables, t...)
	}
	for _, t := range tables {
		c := page.Comparison{Measure: t.Measure, Base: t.Base, Lower: t.Lower}
		for _, row := range t.Rows {
			r := page.ComparisonRow{Name: row.Run, Seeds: len(row.Seeds), Mean: page.Number(row.Mean),
				Deviation: row.Deviation}
			if d := row.Difference; d != nil {
				less := page.Number(d.Mean)
				r.Difference, r.Interval, r.Of, r.Verdict = &less, d.Interval, d.Of, d.Verdict
			}
			c.Rows = append(c.Rows, r)
		}
		if slices.ContainsFunc(c.Rows, func(r page.ComparisonRow) bool { return r.Difference != nil }) {
			list = append(list, c)
		}
	}
	return list, remarks
}

package inspect

import (
	"fmt"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/experiment/report/page"
	"selfsup/recipes"
)

// picturesFile keeps the pictures of a run in its folder, so that a second report of the same checkpoint is quick.
const picturesFile = "pictures.json"

// pictured is the pictures of a run and what they are of.
type pictured struct {
	Of       string        `json:"of"`
	Pictures page.Pictures `json:"pictures"`
}

// picturesVersion changes with what a portrait has.
const picturesVersion = 1

// Portray is a run's pictures for its page: what its encoder makes of samples, see experiment.Portrait, and what the
// network saw in the first step. What was computed of the same checkpoint before is read from the run's folder.
func Portray(dir string, po experiment.PortraitOptions, c recipes.Catalog, o experiment.Options) (*page.Pictures,
	error) {
	status, err := experiment.ReadStatus(dir)
	if err != nil {
		return nil, err
	}
	step := experiment.PicturedStep(dir, po.Best, status)
	of := fmt.Sprintf("version %d, recipe %s, step %d, %+v", picturesVersion, status.Recipe, step, po)
	at := filepath.Join(dir, picturesFile)
	if was, err := folder.ReadJSON[pictured](at); err == nil && was != nil && was.Of == of {
		return &was.Pictures, nil
	}
	p, err := experiment.Portrait(dir, po, c, o)
	if err != nil {
		return nil, err
	}
	rec, err := recipes.Load(filepath.Join(dir, experiment.ResolvedFile), o.Sets, c)
	if err != nil {
		return nil, err
	}
	rec.BaseDir = status.BaseDir
	s, err := experiment.Open(rec)
	if err == nil {
		s, err = s.First()
	}
	if err != nil {
		return nil, err
	}
	if _, images := s.Seen.(datasets.Set); images {
		sh, err := draw(s, min(sheetRows, rec.Train.Batch))
		if err != nil {
			return nil, err
		}
		views, err := experiment.PageSheet(sh, "Views", "What the network saw of the first images in the first step.")
		if err != nil {
			return nil, err
		}
		p.Sheets = append(p.Sheets, views)
	}
	return p, folder.WriteJSON(at, pictured{of, *p})
}

// sheetRows is how many images the sheet of views has.
const sheetRows = 8

// Pictured is the pictures that Portray computed last for a run; nil: none.
func Pictured(dir string) *page.Pictures {
	was, err := folder.ReadJSON[pictured](filepath.Join(dir, picturesFile))
	if err != nil || was == nil {
		return nil
	}
	return &was.Pictures
}

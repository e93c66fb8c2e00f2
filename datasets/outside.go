package datasets

// What sources in packages of their own need.

// Path resolves a path of the recipe.
func (e Env) Path(p string) string { return e.path(p) }

// Reshape gives the image a shape, keeping its memory where it is large enough; the pixels are then to be written.
func (m *Image) Reshape(h, w, c int) { m.resize(h, w, c) }

// Check completes Channels, Height and Width from sets that are Shaped, and refuses an empty or mixed one. where begins
// its errors.
func (d *Data) Check(where string) error { return d.check(where) }

package setting

// Every is for what happens in one of so many steps of a training. A recipe in whose training it would never happen is
// refused, as one with too long a Length is.
type Every int

// Due reports whether it happens in the step after which done are done.
func (e Every) Due(done int) bool { return done%int(e) == 0 }

// Length is the first step in which it happens, from the beginning of the training.
func (e Every) Length() Length { return Steps(int(e)) }

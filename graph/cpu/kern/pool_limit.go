package kern

// RunWorkers is RunWorker with worker < limit, for scratch that was made for so many.
func RunWorkers(n, limit int, f func(task, worker int)) { runLimited(n, limit, f) }

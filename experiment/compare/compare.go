// Package compare sets finished runs side by side: which of many fulfil a condition, in which settings they differ, and
// what the difference is worth over the seeds that they share.
package compare

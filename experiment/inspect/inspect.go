// Package inspect is what looks at recipes, data and runs without training: what a recipe compiles to and how long a
// step takes, the views of its first step, data read and checked and packed, features of a run's encoder, and the state
// of a run.
package inspect

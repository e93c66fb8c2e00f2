// Package encoder is trained encoders without what trained them: what an exported file says of one, how samples become
// what it takes, and the frozen graph that makes features of them.
package encoder

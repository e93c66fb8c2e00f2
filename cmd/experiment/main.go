// Command experiment trains, evaluates and compares self-supervised encoders from TOML recipes.
package main

import (
	"os"

	"selfsup/cmd/experiment/command"
	"selfsup/recipes"
)

func main() { os.Exit(command.Main(recipes.Builtin(), os.Args[1:], os.Stdout, os.Stderr)) }

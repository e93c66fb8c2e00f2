package command

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"selfsup/recipes"
)

// listVerb prints what a recipe can name.
func listVerb(a *app) *cobra.Command {
	var asJSON bool
	kinds := append(a.catalog.Kinds(), devices)
	c := &cobra.Command{
		Use:   "list " + strings.Join(kinds, "|") + " [NAME]",
		Short: "What a recipe can name, and its settings",
		Long: `  experiment list methods
  experiment list methods simclr
  experiment list recipes quickstart.toml > mine.toml

Prints the names that a recipe's tables can have, such as [method.simclr], with a sentence about each, and the recipes
inside the binary. Methods come by the section of the Cookbook (arXiv:2304.12210) that treats them, with their papers.
Devices are what this machine has: name, memory, compute capability and driver.
With a name it prints what that choice is, its settings, their types and defaults, or the recipe itself.`,
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return kinds, cobra.ShellCompDirectiveNoFileComp
			}
			if args[0] == devices {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			all, _ := a.catalog.Describe(args[0])
			return entryNames(all), cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON list of objects, with a name one object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		kind, known := args[0], strings.Join(kinds, ", ")
		if !strings.Contains(", "+known+",", ", "+kind+",") {
			return usage{fmt.Errorf("experiment list: %s: want one of %s", kind, known)}
		}
		if kind == devices {
			if len(args) > 1 {
				return usage{fmt.Errorf("experiment list devices: %s: want no name", args[1])}
			}
			return a.listDevices(asJSON)
		}
		all, err := a.catalog.Describe(kind)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			if asJSON {
				return json.NewEncoder(a.out).Encode(all)
			}
			return a.listEntries(all)
		}
		for _, d := range all {
			if d.Name != args[1] {
				continue
			}
			if asJSON {
				return json.NewEncoder(a.out).Encode(d)
			}
			if kind == "recipes" {
				text, err := fs.ReadFile(recipes.Shipped, d.Name)
				fmt.Fprint(a.out, string(text))
				return err
			}
			return a.listSettings(d)
		}
		return usage{fmt.Errorf("experiment list %s: %s: want one of %s", kind, args[1], strings.Join(entryNames(all),
			", "))}
	}
	return c
}

func entryNames(all []recipes.Described) (names []string) {
	for _, d := range all {
		names = append(names, d.Name)
	}
	return names
}

// listEntries prints a line an entry.
func (a *app) listEntries(all []recipes.Described) error {
	wide, paper := 0, 0
	for _, d := range all {
		wide, paper = max(wide, len(d.Name)), max(paper, len(d.Paper))
	}
	section := ""
	for _, d := range all {
		if d.Section != section {
			section = d.Section
			if _, err := fmt.Fprintf(a.out, "\nSection %s of the Cookbook\n", section); err != nil {
				return err
			}
		}
		text := fmt.Sprintf("%-*s  ", wide, d.Name)
		if d.Section != "" {
			text += fmt.Sprintf("%-*s  ", paper, d.Paper)
		}
		line := []rune(strings.TrimRight(text+d.Description, " "))
		if w := a.width(); w > 1 && len(line) > w {
			line = append(line[:w-1], '\u2026')
		}
		if _, err := fmt.Fprintln(a.out, string(line)); err != nil {
			return err
		}
	}
	return nil
}

// listSettings prints what an entry is, as its source says it, and its settings, a line each and its comment below.
func (a *app) listSettings(d recipes.Described) error {
	text := d.Text
	if text == "" {
		text = d.Description
	}
	fmt.Fprintf(a.out, "%s: %s\n", d.Name, text)
	for _, s := range d.Settings {
		line := fmt.Sprintf("\n%s = %s    # %s\n", s.Name, s.Default, s.Type)
		if s.Comment != "" {
			line += "    " + s.Comment + "\n"
		}
		if _, err := fmt.Fprint(a.out, line); err != nil {
			return err
		}
	}
	return nil
}

// Package completion writes what shells need to complete command lines. The scripts
// are made of the commands and flags as the parser knows them, and need nothing
// afterwards: the program is not run while somebody types. The add-ons of the parser
// do run it, and bring further modules; there is nothing here for which they would
// be needed.
package completion

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// command is what can be completed of a command.
type command struct {
	name, help string
	flags      []flag
	files      bool     // its arguments are files
	values     []string // its argument is one of these
}

type flag struct {
	name, help string
	short      rune
	value      bool // it takes a value
}

// Write writes the script for a shell.
func Write(w io.Writer, shell string, app *kong.Application) error {
	var b strings.Builder
	top, all := commands(app)
	switch shell {
	case "bash":
		bash(&b, app.Name, top, all)
	case "zsh":
		// zsh reads the script of bash, and shows no help texts then.
		b.WriteString("#compdef " + app.Name + "\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n")
		bash(&b, app.Name, top, all)
	case "fish":
		fish(&b, app.Name, top, all)
	default:
		return fmt.Errorf("no completion for %q", shell)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// commands reads the parser's model.
func commands(app *kong.Application) (top []flag, all []command) {
	top = flags(app.Flags)
	for _, node := range app.Children {
		if node.Hidden {
			continue
		}
		c := command{name: node.Name, help: node.Help, flags: append(flags(node.Flags), top...)}
		for _, arg := range node.Positional {
			c.files = c.files || arg.Name == "file" || arg.Name == "path"
			if arg.Enum != "" {
				c.values = append(c.values, strings.Split(arg.Enum, ",")...)
			}
		}
		all = append(all, c)
	}
	return top, all
}

func flags(of []*kong.Flag) (all []flag) {
	for _, f := range of {
		if !f.Hidden {
			all = append(all, flag{name: f.Name, help: f.Help, short: f.Short, value: !f.IsBool() && !f.IsCounter()})
		}
	}
	return all
}

// words are the flags as they are typed.
func words(flags []flag) string {
	var all []string
	for _, f := range flags {
		all = append(all, "--"+f.name)
		if f.short != 0 {
			all = append(all, "-"+string(f.short))
		}
	}
	return strings.Join(all, " ")
}

func bash(b *strings.Builder, name string, top []flag, all []command) {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
	}
	fmt.Fprintf(b, `_%[1]s() {
  local word="${COMP_WORDS[COMP_CWORD]}" words="" files="" command="" w
  for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$w" in -*) ;; *) command="$w"; break ;; esac
  done
  case "$command" in
`, name)
	for _, c := range all {
		fmt.Fprintf(b, "    %s)\n      case \"$word\" in\n        -*) words=%q ;;\n        *) words=%q; files=%q ;;\n      esac ;;\n", c.name, words(c.flags), strings.Join(c.values, " "), map[bool]string{true: "yes"}[c.files])
	}
	fmt.Fprintf(b, `    *) words=%q ;;
  esac
  COMPREPLY=( $(compgen -W "$words" -- "$word") )
  if [ -n "$files" ]; then
    COMPREPLY+=( $(compgen -f -- "$word") )
  fi
}
complete -o filenames -F _%[2]s %[2]s
`, strings.Join(names, " ")+" "+words(top), name)
}

func fish(b *strings.Builder, name string, top []flag, all []command) {
	fmt.Fprintf(b, "complete -c %s -f\n", name)
	for _, f := range top {
		fishFlag(b, name, "", f)
	}
	for _, c := range all {
		fmt.Fprintf(b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", name, c.name, quoted(c.help))
	}
	for _, c := range all {
		when := fmt.Sprintf(" -n '__fish_seen_subcommand_from %s'", c.name)
		if c.files {
			fmt.Fprintf(b, "complete -c %s%s -F\n", name, when)
		}
		for _, v := range c.values {
			fmt.Fprintf(b, "complete -c %s%s -a %s\n", name, when, v)
		}
		for _, f := range c.flags[:len(c.flags)-len(top)] {
			fishFlag(b, name, when, f)
		}
	}
}

func fishFlag(b *strings.Builder, name, when string, f flag) {
	fmt.Fprintf(b, "complete -c %s%s -l %s", name, when, f.name)
	if f.short != 0 {
		fmt.Fprintf(b, " -s %c", f.short)
	}
	if f.value {
		b.WriteString(" -x")
	}
	fmt.Fprintf(b, " -d %s\n", quoted(f.help))
}

// quoted is a text as fish takes it.
func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

package main

import (
	"github.com/alecthomas/kong"

	"github.com/steadfast-go/claude/cmd/steadfast/internal/completion"
)

// completionCommand prints the completion of a shell.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown below the flags.
func (c *completionCommand) Help() string {
	return `Examples:
  source <(steadfast completion bash)                                 # ~/.bashrc
  source <(steadfast completion zsh)                                  # ~/.zshrc
  steadfast completion fish > ~/.config/fish/completions/steadfast.fish`
}

// Run prints it.
func (c *completionCommand) Run(to streams, app *kong.Kong) error {
	return completion.Write(to.out, c.Shell, app.Model)
}

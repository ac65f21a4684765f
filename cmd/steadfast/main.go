// Command steadfast helps with the Messages API on the command line. Its commands
// are listed by "steadfast --help".
//
//	go install github.com/steadfast-go/claude/cmd/steadfast@latest
//
// Each command has a file of its own here, with its flags; what it does is in a
// package below internal.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/redact"
)

// commands is the tree of commands.
type commands struct {
	Doctor     doctorCommand     `cmd:"" help:"Find out why the API cannot be reached."`
	Explain    explainCommand    `cmd:"" help:"Say what the text of an error means, and what to do."`
	Ask        askCommand        `cmd:"" help:"Ask a model one question."`
	Validate   validateCommand   `cmd:"" help:"Find what the API would refuse in the body of a request."`
	Scan       scanCommand       `cmd:"" help:"Find API keys in files and in their git history."`
	Proxy      proxyCommand      `cmd:"" help:"Run a reverse proxy on this machine that makes calls of any program resilient."`
	Completion completionCommand `cmd:"" help:"Print the completion for a shell."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// streams are the outputs of a command.
type streams struct{ out, err io.Writer }

// Exit codes, besides 0.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args[1:], streams{os.Stdout, os.Stderr})) }

// run runs the command that args name and returns its exit code.
func run(args []string, to streams) int { return runWith(args, to, input{os.Stdin}) }

// runWith is run with the input that a file called "-" is.
func runWith(args []string, to streams, in input) (code int) {
	defer recoverStop(&code)
	parser, err := kong.New(new(commands), append(options(to), kong.Exit(stop))...)
	if err != nil {
		_, _ = fmt.Fprintln(to.err, "steadfast:", err)
		return exitUsage
	}
	command, err := parser.Parse(aliases(args))
	if err != nil {
		// The parser repeats what it was given, which may hold a key.
		_, _ = fmt.Fprintf(to.err, "steadfast: %s\nsteadfast: see --help\n", redact.Text(err.Error()))
		return exitUsage
	}
	return finish(command.Run(to, in, parser), to)
}

func options(to streams) []kong.Option {
	return []kong.Option{
		kong.Name("steadfast"),
		kong.Description("Resilience for calls of Anthropic's Messages API, on the command line."),
		kong.Writers(to.out, to.err),
		kong.Vars{"version": buildVersion(), "model": claude.ModelSonnet5_5, "api_version": claude.Version20261021},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}),
	}
}

// version is that of the module, as far as the build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
)

// maxBody is how much of a request body is read: more than the API takes.
const maxBody = 64 << 20

// validateCommand checks the bodies of requests.
type validateCommand struct {
	APIVersion string   `default:"${api_version}" help:"The anthropic-version the request is for; --version means the same here. Default: ${default}." name:"api-version" placeholder:"DATE"`
	Strict     bool     `help:"Refuse for warnings too."`
	JSON       bool     `help:"Print JSON." name:"json"`
	Files      []string `arg:"" help:"Files with the body of a POST /v1/messages; - or none reads standard input." name:"file" optional:""`
}

// Help is shown below the flags.
func (c *validateCommand) Help() string {
	return `Checks what the API would refuse, before it does: every problem with its path
and how to set it right. Errors are sure to be refused; warnings may be, or the
model may do something else than you think. No text of a request is printed.
Nothing is sent anywhere.

Examples:
  steadfast validate request.json
  jq .body logged.json | steadfast validate -
  steadfast validate --strict --json testdata/*.json

For the tool pre-commit, as a hook of a local repository:
  {id: requests, name: requests, language: system,
   entry: steadfast validate, files: '^prompts/.*\.json$'}

Exit codes: 0 nothing would be refused, 1 something would be, 2 wrong use, such
as a file that is not there.`
}

// fileReport is what was found in a file.
type fileReport struct {
	File     string        `json:"file"`
	Refused  bool          `json:"refused"`
	Problems []problemJSON `json:"problems"`
}

type problemJSON struct {
	Rule     string          `json:"rule"`
	Severity claude.Severity `json:"severity"`
	Path     string          `json:"path"`
	Message  string          `json:"message"`
	Fix      string          `json:"fix,omitempty"`
}

// Run validates.
func (c *validateCommand) Run(to streams, in input) error {
	files := c.Files
	if len(files) == 0 && in.isTerminal() {
		return wrongUse("there is nothing to validate: name a file, or pipe one in")
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	reports := make([]fileReport, 0, len(files))
	refused := false
	for _, file := range files {
		body, err := readBody(file, in)
		if err != nil {
			return wrongUse("%v", err)
		}
		report := fileReport{File: file, Problems: []problemJSON{}}
		for _, p := range claude.CheckJSON(body, c.APIVersion) {
			report.Problems = append(report.Problems, problemJSON(p))
			report.Refused = report.Refused || c.Strict || p.Severity == claude.SeverityError
		}
		refused = refused || report.Refused
		reports = append(reports, report)
	}
	if c.JSON {
		term.JSON(to.out, struct {
			Refused bool         `json:"refused"`
			Version string       `json:"version"`
			Files   []fileReport `json:"files"`
		}{refused, c.APIVersion, reports})
	} else {
		for _, report := range reports {
			c.show(to.out, report)
		}
	}
	if refused {
		return failed(exitFailure)
	}
	return nil
}

func readBody(file string, in input) ([]byte, error) {
	var r io.Reader = in
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // the user names the file
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // read only
		r = f
	}
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("%s is larger than 64 MiB: it is no request", file)
	}
	return body, err
}

func (c *validateCommand) show(w io.Writer, r fileReport) {
	p := term.For(w)
	name := r.File
	if name == "-" {
		name = "standard input"
	}
	errors, warnings := 0, 0
	for _, problem := range r.Problems {
		if problem.Severity == claude.SeverityError {
			errors++
		} else {
			warnings++
		}
	}
	verdict := p.Good("ok")
	if r.Refused {
		verdict = p.Bad("refused")
	}
	_, _ = fmt.Fprintf(w, "%s: %s, %s, %s\n", p.Strong(name), verdict, count(errors, "error"), count(warnings, "warning"))
	for _, problem := range r.Problems {
		severity := p.Bad("error  ")
		if problem.Severity != claude.SeverityError {
			severity = p.Doubtful("warning")
		}
		path := problem.Path
		if path == "" {
			path = "the request"
		}
		_, _ = fmt.Fprintf(w, "  %s  %s: %s %s\n", severity, p.Strong(path), problem.Message, p.Faint("("+problem.Rule+")"))
		if problem.Fix != "" {
			_, _ = fmt.Fprintf(w, "           %s %s\n", p.Faint("fix:"), problem.Fix)
		}
	}
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
	"github.com/steadfast-go/claude/internal/redact"
)

// input is what a command reads where a file is called "-".
type input struct{ io.Reader }

// isTerminal reports whether somebody would have to type it.
func (in input) isTerminal() bool {
	f, ok := in.Reader.(*os.File)
	return ok && term.Is(f)
}

// An exitError ends the program with a code. Its text is printed, if it has one;
// without, the command has said all there is to say.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

// wrongUse is a command line that makes no sense, beyond what its parser sees.
func wrongUse(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Sprintf(format, args...)}
}

// failed ends the program with a code and without another word.
func failed(code int) error { return &exitError{code: code} }

// finish prints the error of a command and returns the exit code.
func finish(err error, to streams) int {
	code, text := 0, ""
	if err != nil {
		code, text = exitFailure, err.Error()
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
	}
	if text != "" {
		_, _ = fmt.Fprintln(to.err, "steadfast:", redact.Text(text))
	}
	return code
}

// stopped is how --help and --version end a command line, for which the parser would
// end the process.
type stopped int

func stop(code int) { panic(stopped(code)) }

// recoverStop is deferred by whoever gave stop to the parser.
func recoverStop(code *int) {
	switch r := recover().(type) {
	case nil:
	case stopped:
		*code = int(r)
	default:
		panic(r)
	}
}

// Package reporttest runs a test as a command. What a comparison needs, such as virtual
// time or the helpers that provoke faults, only a test has; so the comparison is a test
// of the command's own package that writes a report, and the command runs that.
package reporttest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A Command is a test that writes a report.
type Command struct {
	Package string // of the test, below bench
	Test    string
	Timeout time.Duration
	Env     []string // as in "NAME=value"
	// Variable is what tells the test the folder to write into.
	Variable string
	File     string // that it writes there
}

// Run runs the test and copies its report to w. An empty folder means docs/bench. It
// returns where the report is.
func (c *Command) Run(ctx context.Context, w io.Writer, folder string) (path string, err error) {
	dir, err := c.dir(ctx)
	if err != nil {
		return "", err
	}
	if folder == "" {
		folder = filepath.Join(dir, "..", "..", "docs", "bench")
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return "", err
	}
	// A cached result would write nothing, hence -count=1.
	test := exec.CommandContext(ctx, "go", "test", "-run", "^"+c.Test+"$", "-count=1", "-v", "-timeout", c.Timeout.String(), ".")
	test.Dir = dir
	test.Env = append(append(os.Environ(), c.Env...), c.Variable+"="+folder)
	test.Stdout, test.Stderr = os.Stderr, os.Stderr
	if err := test.Run(); err != nil {
		return "", fmt.Errorf("go test: %w", err)
	}
	path = filepath.Join(folder, c.File)
	report, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	_, err = w.Write(report)
	return path, err
}

// dir is the folder of the test's source.
func (c *Command) dir(ctx context.Context) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/steadfast-go/claude/bench/"+c.Package)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("run it within the repository: go list: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Versions names the modules that everything is compared with, for the head of a report:
// a test's own build information names none.
func Versions(ctx context.Context) (string, error) {
	versions, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Version}}",
		"github.com/anthropics/anthropic-sdk-go", "github.com/anthropics/anthropic-sdk-go/v2",
		"github.com/failsafe-go/failsafe-go", "github.com/hashicorp/go-retryablehttp").Output()
	return strings.ReplaceAll(strings.TrimSpace(string(versions)), "\n", ", "), err
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/steadfast-go/claude/cmd/steadfast/internal/scan"
	"github.com/steadfast-go/claude/cmd/steadfast/internal/term"
)

// scanCommand finds keys.
type scanCommand struct {
	Staged    bool   `help:"Look only at what the next commit adds, as a pre-commit hook does."`
	NoHistory bool   `help:"Look only at the files as they are."`
	NoIgnored bool   `help:"Leave out files that git ignores, such as .env."`
	JSON      bool   `help:"Print JSON." name:"json"`
	Path      string `arg:"" default:"." help:"A folder or a file. Default: this folder." name:"path" optional:""`
}

// Help is shown below the flags.
func (c *scanCommand) Help() string {
	return `Finds keys of Anthropic and of other vendors that mark theirs, in every text file
and in everything that any branch, tag or stash of the git history ever added: a
key that was removed later can still be read by everybody who has the repository.
Of a key only the first characters are shown.

A line with the comment "steadfast:allow" is left alone. The fingerprint of a key
that is dead goes into the file ` + scan.AllowFile + `, in the folder that is scanned or at
the top of its repository.

Examples:
  steadfast scan
  steadfast scan --json ~/src/app | jq -r .findings[].file
  echo 'exec steadfast scan --staged' > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit

Exit codes: 0 clean, 1 keys found, 2 wrong use, or the scan could not be finished.`
}

// Run scans.
func (c *scanCommand) Run(to streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := scan.Run(ctx, scan.Config{Path: c.Path, Staged: c.Staged, NoHistory: c.NoHistory, NoIgnored: c.NoIgnored})
	if err != nil {
		return wrongUse("scan: %v", err)
	}
	if c.JSON {
		term.JSON(to.out, report)
	} else {
		c.show(to.out, report)
	}
	for _, file := range report.Unread {
		_, _ = fmt.Fprintf(to.err, "steadfast: cannot read %s\n", file)
	}
	if report.Shallow {
		_, _ = fmt.Fprintln(to.err, "steadfast: the clone is shallow, so older commits were not looked at: git fetch --unshallow (in CI: fetch depth 0)")
	}
	if len(report.Findings) > 0 {
		return failed(exitFailure)
	}
	return nil
}

func (c *scanCommand) show(w io.Writer, r *scan.Report) {
	p := term.For(w)
	var b strings.Builder
	seen := count(r.Files, "file") + " and " + count(r.Commits, "commit")
	if c.Staged {
		seen = "what is staged"
	}
	if r.Allowed > 0 {
		seen += ", without " + count(r.Allowed, "key") + " that " + scan.AllowFile + " names"
	}
	if len(r.Findings) == 0 {
		fmt.Fprintf(&b, "%s: no keys in %s\n", p.Good("clean"), seen)
		_, _ = io.WriteString(w, b.String())
		return
	}
	found := count(r.Keys(), "key") + " in " + count(len(r.Findings), "place")
	fmt.Fprintf(&b, "%s (looked at %s)\n\n", p.Bad(found), seen)
	for _, f := range r.Findings {
		at := fmt.Sprintf("%s:%d", f.File, f.Line)
		if f.State == scan.Message {
			at = "message of commit " + f.Commit[:min(12, len(f.Commit))]
		}
		fmt.Fprintf(&b, "%s: %s (%s, fingerprint %s)\n    %s\n", p.Strong(at), p.Bad(f.Key), f.Kind, f.Fingerprint, told(f))
	}
	b.WriteString("\n")
	p.Actions(&b, actions(r))
	_, _ = io.WriteString(w, b.String())
}

// told says where a key is.
func told(f scan.Finding) string {
	by := "brought by commit " + f.Commit[:min(12, len(f.Commit))] + " of " + f.Date
	switch f.State {
	case scan.Committed:
		return by
	case scan.Removed:
		return "removed since, and still in the history: " + by
	case scan.Message:
		return "of " + f.Date
	case scan.Uncommitted:
		return "not committed yet"
	case scan.Ignored:
		return "in a file that git ignores: not committed, and readable on this machine"
	case scan.Staged:
		return "staged for the next commit"
	default:
		return "in the file"
	}
}

// actions says what to do, in order.
func actions(r *scan.Report) []string {
	anthropic, public, private := false, false, false
	for _, f := range r.Findings {
		anthropic = anthropic || strings.HasPrefix(f.Kind, "Anthropic")
		switch f.State {
		case scan.Committed, scan.Removed, scan.Message, scan.NoRepo:
			public = true
		case scan.Uncommitted, scan.Ignored, scan.Staged:
			private = true
		}
	}
	var all []string
	if public {
		where := "where their vendors have them"
		if anthropic {
			where = "Anthropic's at https://platform.claude.com/settings/keys"
		}
		all = append(all,
			"Rotate first: create new keys, deploy them, and delete the old ones ("+where+"). Whoever has a copy of the files has the keys, and taking them out takes nothing back.",
			"Look at the usage of the old keys for calls that were not yours.",
		)
	}
	if private {
		all = append(all, "Do not commit the keys: unstage the files, and keep keys in the environment or in a store for secrets.")
	}
	all = append(all, "Take the keys out of the files. A key in an app that is given to users can be read by all of them: call the API from a server of your own.")
	if public {
		all = append(all,
			"Only then, if you must, rewrite the history: git filter-repo --replace-text. Forks and clones keep the old one.",
			"When a key is dead, put its fingerprint into "+scan.AllowFile+".")
	}
	return all
}

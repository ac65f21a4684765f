package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/steadfast-go/claude"
)

// buildVersion is the version with what it was built of and for.
func buildVersion() string {
	s := fmt.Sprintf("steadfast %s (library %s, %s, %s/%s", version(), claude.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		revision, modified := "", ""
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				revision = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				modified = ", modified"
			}
		}
		if len(revision) >= 12 {
			s += ", commit " + revision[:12] + modified
		}
	}
	return s + ")"
}

// aliases gives "validate --version DATE" its meaning: --version alone is the
// program's own, and the parser has one meaning for a flag.
func aliases(args []string) []string {
	if len(args) == 0 || args[0] != "validate" {
		return args
	}
	args = slices.Clone(args)
	for i, arg := range args {
		switch {
		case arg == "--":
			return args
		case arg == "--version" && i+1 < len(args), strings.HasPrefix(arg, "--version="):
			args[i] = "--api-version" + strings.TrimPrefix(arg, "--version")
		}
	}
	return args
}

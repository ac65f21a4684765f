package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/steadfast-go/claude/internal/redact"
)

// ErrNoGit is a git repository whose history cannot be read, since git is not there.
var ErrNoGit = errors.New("git is not installed, so the history cannot be read; --no-history leaves it out")

// patchFlags make a patch what readPatch reads, whatever the user's configuration
// says, and run nothing that the repository names. Every file counts as text: many
// repositories call Xcode's project files binary.
var patchFlags = []string{
	"-p", "-U0", "--text", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames",
	"--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--relative",
}

// repository is a folder within a git repository.
type repository struct {
	dir string
	env []string
}

// openRepository returns the repository that a folder is in, or nil if it is in
// none. own keeps the variables by which git tells a hook about its repository.
func openRepository(ctx context.Context, dir string, own bool) (*repository, error) {
	r := &repository{dir: dir, env: append(environment(own), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1")}
	_, err := r.output(ctx, nil, "rev-parse", "--git-dir")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		if !hasGitDir(dir) {
			return nil, nil //nolint:nilnil // no repository, and no git that would be needed
		}
		return nil, ErrNoGit
	case err != nil && strings.Contains(err.Error(), "not a git repository"):
		return nil, nil //nolint:nilnil // no repository is no error
	case err != nil:
		return nil, err
	}
	return r, nil
}

// environment is that of this process, without what would lead git to another
// repository than the one that is scanned.
func environment(own bool) []string {
	all := os.Environ()
	kept := make([]string, 0, len(all)+4)
	for _, variable := range all {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_COMMON_DIR":
			if !own {
				continue
			}
		case "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_TRACE":
			continue
		}
		kept = append(kept, variable)
	}
	return kept
}

// hasGitDir reports whether a folder or one above it has a .git.
func hasGitDir(dir string) bool {
	for {
		if _, err := os.Lstat(dir + string(os.PathSeparator) + ".git"); err == nil {
			return true
		}
		up := dir[:max(0, strings.LastIndexByte(dir, os.PathSeparator))]
		if up == "" || up == dir {
			return false
		}
		dir = up
	}
}

func (r *repository) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"--no-pager", "-C", r.dir, "-c", "core.quotepath=false", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-c", "log.showRoot=true"}, args...)
	c := exec.CommandContext(ctx, "git", args...) //nolint:gosec // the arguments are ours, but for a path behind "--"
	c.Env = r.env
	return c
}

func (r *repository) output(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	c := r.command(ctx, args...)
	c.Stdin = stdin
	out, err := c.Output()
	return string(out), gitError(err, nil)
}

// gitError adds what git said.
func gitError(err error, stderr []byte) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	if stderr == nil {
		stderr = exit.Stderr
	}
	said, _, _ := strings.Cut(strings.TrimSpace(string(stderr)), "\n")
	return &exitError{exit.ExitCode(), redact.Line(said, 300)}
}

type exitError struct {
	code int
	said string
}

func (e *exitError) Error() string {
	return fmt.Sprintf("git ended with %d: %s", e.code, e.said)
}

// patch runs git and reads the patch that it writes.
func (r *repository) patch(ctx context.Context, f added, args ...string) (commits int, err error) {
	c := r.command(ctx, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	commits, readErr := readPatch(out, f)
	if readErr != nil { // git must not wait for a reader
		_, _ = io.Copy(io.Discard, out)
	}
	err = gitError(c.Wait(), stderr.Bytes())
	if failure, ok := errors.AsType[*exitError](err); ok && strings.Contains(failure.said, "does not have any commits yet") {
		err = nil
	}
	return commits, errors.Join(readErr, err)
}

// history calls f for every line that a commit added to what pathspec names, the
// youngest commit first.
func (r *repository) history(ctx context.Context, pathspec string, f added) (commits int, err error) {
	args := append([]string{"log", "--all", "--topo-order", "--full-history", "--cc", "--date=short", "--format=%x01commit %H %ad%n%w(0,1,1)%B"}, patchFlags...)
	return r.patch(ctx, f, append(args, "--", pathspec)...)
}

// staged calls f for every line that the next commit would add.
func (r *repository) staged(ctx context.Context, pathspec string, f added) error {
	_, err := r.patch(ctx, f, append(append([]string{"diff", "--cached"}, patchFlags...), "--", pathspec)...)
	return err
}

// top is the repository's top folder, or the scanned one where there is none.
func (r *repository) top(ctx context.Context) string {
	out, err := r.output(ctx, nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return r.dir
	}
	return strings.TrimRight(out, "\r\n")
}

// shallow reports whether the history ends early, as in clones of CI systems.
func (r *repository) shallow(ctx context.Context) bool {
	out, err := r.output(ctx, nil, "rev-parse", "--is-shallow-repository")
	return err == nil && strings.TrimSpace(out) == "true"
}

// ignored returns which of the files git ignores.
func (r *repository) ignored(ctx context.Context, files []string) map[string]bool {
	ignored := map[string]bool{}
	if len(files) == 0 {
		return ignored
	}
	// It ends with 1 if none is ignored.
	out, _ := r.output(ctx, strings.NewReader(strings.Join(files, "\x00")+"\x00"), "check-ignore", "-z", "--stdin")
	for name := range strings.SplitSeq(out, "\x00") {
		if name != "" {
			ignored[name] = true
		}
	}
	return ignored
}

package scan

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secret returns characters as random as those of a key, the same each time. No key
// stands in a source file as it is, so that scanners leave the tests alone.
func secret(seed string, n int) string {
	var b strings.Builder
	for b.Len() < n {
		sum := sha256.Sum256([]byte(seed + b.String()))
		b.WriteString(strings.NewReplacer("+", "", "/", "", "=", "").Replace(base64.StdEncoding.EncodeToString(sum[:])))
	}
	return b.String()[:n]
}

func anthropicKey(seed string) string { return "sk-ant-" + "api03-" + secret(seed, 93) + "AA" }

// testRepo is a git repository in a folder of the test.
type testRepo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) *testRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: ", err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	r := &testRepo{t, dir}
	r.git("init", "-q", "-b", "main", ".")
	return r
}

func (r *testRepo) git(args ...string) string {
	r.t.Helper()
	c := exec.CommandContext(r.t.Context(), "git", append([]string{"-C", r.dir, "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"}, args...)...)
	c.Env = append(environment(false), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	out, err := c.CombinedOutput()
	require.NoError(r.t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func (r *testRepo) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	require.NoError(r.t, os.MkdirAll(filepath.Dir(file), 0o750))
	require.NoError(r.t, os.WriteFile(file, []byte(text), 0o600))
}

// commit commits everything, and returns the id.
func (r *testRepo) commit(message string) string {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "-m", message)
	return r.git("rev-parse", "HEAD")
}

func (r *testRepo) scan(c Config) *Report {
	r.t.Helper()
	if c.Path == "" {
		c.Path = r.dir
	}
	report, err := Run(r.t.Context(), c)
	require.NoError(r.t, err)
	return report
}

// places are the findings in few words.
func places(r *Report) []string {
	all := make([]string, 0, len(r.Findings))
	for _, f := range r.Findings {
		all = append(all, strings.TrimSpace(string(f.State)+" "+f.File))
	}
	return all
}

func mustNotShow(t *testing.T, r *Report, key string) {
	t.Helper()
	for _, f := range r.Findings {
		assert.NotContains(t, f.Key+f.File+f.Fingerprint, key)
		assert.LessOrEqual(t, len(f.Key), 15+4+len("…"))
	}
}

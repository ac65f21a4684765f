package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leakedKey is a key, the same each time; it does not stand in the source, so that
// scanners leave this file alone.
func leakedKey(seed string) string {
	a, b := sha256.Sum256([]byte(seed)), sha256.Sum256([]byte(seed+"2"))
	return "sk-ant-" + "api03-" + (hex.EncodeToString(a[:]) + hex.EncodeToString(b[:]))[:93] + "AA"
}

// repository makes a git repository with a history.
func repository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: ", err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	git := func(args ...string) {
		c := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "git %v: %s", args, out)
	}
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	for _, name := range []string{"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"} { // of a hook that runs the tests
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	git("init", "-q", "-b", "main", ".")
	write(".gitignore", ".env\n")
	write("ios/App.xcodeproj/project.pbxproj", "{\n\tANTHROPIC_API_KEY = \""+leakedKey("app")+"\";\n}\n")
	write("old.py", "KEY = '"+leakedKey("old")+"'\n")
	git("add", "-A")
	git("commit", "-q", "-m", "begin")
	write("old.py", "import os\n")
	git("commit", "-q", "-a", "-m", "take the key out")
	write(".env", "ANTHROPIC_API_KEY="+leakedKey("env")+"\n")
	write("staged.txt", "one\n"+leakedKey("staged")+"\n")
	git("add", "staged.txt")
	return dir
}

func TestScanShowsWhereKeysAreAndWhatToDo(t *testing.T) {
	dir := repository(t)
	clean := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(clean, "a.txt"), []byte("nothing here\n"), 0o600))
	for name, args := range map[string][]string{
		"scan":            {"scan", dir},
		"scan-json":       {"scan", "--json", "--no-ignored", dir},
		"scan-staged":     {"scan", "--staged", dir},
		"scan-file":       {"scan", "--no-history", filepath.Join(dir, ".env")},
		"scan-clean":      {"scan", clean},
		"scan-clean-json": {"scan", "--json", clean},
		"scan-no-path":    {"scan", filepath.Join(dir, "none")},
		"scan-no-repo":    {"scan", "--staged", clean},
	} {
		t.Run(name, func(t *testing.T) {
			s := call("", args...)
			for _, seed := range []string{"app", "old", "env", "staged"} {
				assert.NotContains(t, s.stdout+s.stderr, leakedKey(seed)[:19])
			}
			golden(t, name, args, s, dir, "REPO", clean, "FOLDER")
		})
	}
}

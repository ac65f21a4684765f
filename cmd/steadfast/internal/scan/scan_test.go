package scan

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAKeyIsFoundInAnyTextFileWithTheCommitThatBroughtIt(t *testing.T) {
	r := newRepo(t)
	key := anthropicKey("one")
	r.write("README.md", "hello\n")
	r.commit("begin")
	// Xcode's project files are called binary by many repositories.
	r.write(".gitattributes", "*.pbxproj binary merge=union\n")
	r.write("ios/App.xcodeproj/project.pbxproj", "// !$*UTF8*$!\n{\n\tANTHROPIC_API_KEY = \""+key+"\";\n}\n")
	brought := r.commit("add the app")
	r.write("ios/App.xcodeproj/project.pbxproj", "// !$*UTF8*$!\n// more\n{\n\tANTHROPIC_API_KEY = \""+key+"\";\n}\n")
	r.commit("move it a line down")

	report := r.scan(Config{})
	require.Equal(t, []string{"committed ios/App.xcodeproj/project.pbxproj"}, places(report))
	f := report.Findings[0]
	assert.Equal(t, Finding{
		Kind: "Anthropic API key", Key: key[:17] + "…", Fingerprint: fingerprint([]byte(key)), State: Committed,
		File: "ios/App.xcodeproj/project.pbxproj", Line: 4, Commit: brought, Date: "2026-01-02",
	}, f)
	assert.Equal(t, 3, report.Commits)
	mustNotShow(t, report, key)
}

func TestAKeyThatWasRemovedLaterStillCounts(t *testing.T) {
	r := newRepo(t)
	r.write("config.py", "import os\n\nKEY = '"+anthropicKey("one")+"'\n")
	brought := r.commit("oops")
	r.write("config.py", "import os\n\nKEY = os.environ['ANTHROPIC_API_KEY']\n")
	r.commit("remove the key")
	r.git("rm", "-q", "config.py")
	r.commit("remove the file")

	report := r.scan(Config{})
	require.Equal(t, []string{"removed config.py"}, places(report))
	assert.Equal(t, brought, report.Findings[0].Commit)
	assert.Equal(t, 3, report.Findings[0].Line)
	assert.Empty(t, r.scan(Config{NoHistory: true}).Findings)
}

func TestEveryBranchTagStashMessageAndMergeIsLookedAt(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1\n")
	r.commit("begin")
	r.git("checkout", "-q", "-b", "other")
	r.write("branch.txt", anthropicKey("branch")+"\n")
	r.commit("on another branch")
	r.git("checkout", "-q", "main")
	r.write("tag.txt", anthropicKey("tag")+"\n")
	r.commit("tagged")
	r.git("tag", "v1")
	r.git("reset", "-q", "--hard", "HEAD~1")
	r.write("a", "2\n")
	r.commit("the key was " + anthropicKey("message"))
	r.write("a", "stash "+anthropicKey("stash")+"\n")
	r.git("stash", "-q")
	// A merge that brings what neither side had.
	r.git("checkout", "-q", "-b", "side", "HEAD~1")
	r.write("b", "side\n")
	r.commit("on the side")
	r.git("checkout", "-q", "main")
	r.git("merge", "-q", "--no-ff", "--no-commit", "side")
	r.write("b", "side\nmerged "+anthropicKey("merge")+"\n")
	merge := r.commit("merge the side")
	r.write("b", "side\n")
	r.commit("clean")

	report := r.scan(Config{})
	assert.ElementsMatch(t, []string{"removed branch.txt", "removed tag.txt", "message", "removed a", "removed b"}, places(report))
	assert.Equal(t, 5, report.Keys())
	for _, f := range report.Findings {
		if f.File == "b" {
			assert.Equal(t, merge, f.Commit)
			assert.Equal(t, 2, f.Line)
		}
	}
}

func TestFilesOutsideOfTheHistoryCountToo(t *testing.T) {
	r := newRepo(t)
	r.write(".gitignore", ".env\n")
	r.commit("begin")
	r.write(".env", "export ANTHROPIC_API_KEY="+anthropicKey("env")+"\n")
	r.write("new.txt", anthropicKey("new"))
	assert.Equal(t, []string{"ignored .env", "uncommitted new.txt"}, places(r.scan(Config{})))
	assert.Equal(t, []string{"uncommitted new.txt"}, places(r.scan(Config{NoIgnored: true})))
}

func TestStagedLooksAtTheNextCommitOnly(t *testing.T) {
	r := newRepo(t)
	r.write("first.txt", "x\n"+anthropicKey("first")+"\n")
	r.git("add", "-A") // before the first commit
	assert.Equal(t, []string{"staged first.txt"}, places(r.scan(Config{Staged: true})))
	r.commit("an old key")
	assert.Empty(t, r.scan(Config{Staged: true}).Findings, "what is committed is no longer staged")
	r.write("unstaged.txt", anthropicKey("unstaged"))
	r.write("a b/sp\u00e4t.txt", "1\n2\n"+anthropicKey("staged")+"\n")
	r.git("add", "a b")
	report := r.scan(Config{Staged: true})
	require.Equal(t, []string{"staged a b/sp\u00e4t.txt"}, places(report))
	assert.Equal(t, 3, report.Findings[0].Line)
}

func TestAPathLimitsFilesAndHistory(t *testing.T) {
	r := newRepo(t)
	r.write("sub/in.txt", anthropicKey("in"))
	r.write("out.txt", anthropicKey("out"))
	r.commit("both")
	assert.Equal(t, []string{"committed in.txt"}, places(r.scan(Config{Path: filepath.Join(r.dir, "sub")})))
	assert.Equal(t, []string{"committed out.txt"}, places(r.scan(Config{Path: filepath.Join(r.dir, "out.txt")})))
}

func TestTheUsersConfigurationOfGitChangesNothing(t *testing.T) {
	r := newRepo(t)
	r.write("a.txt", anthropicKey("one")+"\n")
	r.commit("begin")
	r.write("a.txt", "clean\n")
	r.commit("clean")
	for _, setting := range []string{"diff.noprefix=true", "diff.mnemonicPrefix=true", "color.ui=always", "log.decorate=full", "diff.external=false", "core.quotepath=true", "diff.context=9", "log.follow=true", "format.pretty=oneline", "diff.renames=copies"} {
		name, value, _ := strings.Cut(setting, "=")
		r.git("config", name, value)
		assert.Equal(t, []string{"removed a.txt"}, places(r.scan(Config{})), setting)
	}
}

func TestNothingOfARepositoryIsRun(t *testing.T) {
	r := newRepo(t)
	trap := filepath.Join(t.TempDir(), "ran")
	r.write(".gitattributes", "*.txt diff=trap\n")
	r.write("a.txt", anthropicKey("one")+"\n")
	r.commit("begin")
	r.git("config", "diff.trap.textconv", "touch "+trap+"; cat")
	r.git("config", "diff.trap.command", "touch "+trap)
	r.git("config", "core.fsmonitor", "touch "+trap)
	r.scan(Config{})
	_, err := os.Stat(trap)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestAShallowCloneIsSaidToBeOne(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1\n")
	r.commit("one")
	r.write("a", "2\n")
	r.commit("two")
	clone := &testRepo{t, filepath.Join(t.TempDir(), "clone")}
	r.git("clone", "-q", "--depth=1", "file://"+filepath.ToSlash(r.dir), clone.dir)
	assert.True(t, clone.scan(Config{}).Shallow)
	assert.False(t, r.scan(Config{}).Shallow)
}

func TestKeysThatAreKnownToBeDeadAreAllowed(t *testing.T) {
	r := newRepo(t)
	dead, live := anthropicKey("dead"), anthropicKey("live")
	r.write("a.txt", dead+"\n"+live+"\n")
	r.write("b.txt", anthropicKey("marked")+" # steadfast:allow, for a test\n")
	r.write(AllowFile, "# rotated on 2026-01-02\n"+fingerprint([]byte(dead))+"  # of the old app\n")
	r.commit("all of it")
	report := r.scan(Config{})
	assert.Equal(t, []string{"committed a.txt"}, places(report))
	assert.Equal(t, fingerprint([]byte(live)), report.Findings[0].Fingerprint)
	assert.Equal(t, 1, report.Allowed)

	r.write("sub/c.txt", dead+"\n")
	assert.Empty(t, r.scan(Config{Path: filepath.Join(r.dir, "sub")}).Findings, "the file at the top counts below too")
}

func TestWithoutGitTheFilesAreScanned(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte(anthropicKey("one")), 0o600))
	report, err := Run(t.Context(), Config{Path: dir})
	require.NoError(t, err)
	assert.Equal(t, []string{"file a.txt"}, places(report))
	_, err = Run(t.Context(), Config{Path: dir, Staged: true})
	require.Error(t, err)
	_, err = Run(t.Context(), Config{Path: filepath.Join(dir, "none")})
	require.ErrorIs(t, err, os.ErrNotExist)

	r := newRepo(t)
	t.Setenv("PATH", "")
	_, err = Run(t.Context(), Config{Path: r.dir})
	require.ErrorIs(t, err, ErrNoGit)
	_, err = Run(t.Context(), Config{Path: r.dir, NoHistory: true})
	require.NoError(t, err)
}

func TestAnEmptyRepositoryIsClean(t *testing.T) {
	r := newRepo(t)
	assert.Empty(t, r.scan(Config{}).Findings)
	assert.Empty(t, r.scan(Config{Staged: true}).Findings)
}

func TestAScanThatIsInterruptedIsNotClean(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1\n")
	r.commit("one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, Config{Path: r.dir})
	require.Error(t, err)
}

func TestFilesInUTF16AreTextAndBinariesAreNot(t *testing.T) {
	dir := t.TempDir()
	var wide bytes.Buffer
	wide.Write([]byte{0xff, 0xfe})
	for _, c := range utf16.Encode([]rune("\"key\" = \"" + anthropicKey("wide") + "\";\n")) {
		wide.Write([]byte{byte(c), byte(c >> 8)})
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Localizable.strings"), wide.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "image.png"), []byte("\x89PNG\x00"+anthropicKey("image")), 0o600))
	report, err := Run(t.Context(), Config{Path: dir})
	require.NoError(t, err)
	assert.Equal(t, []string{"file Localizable.strings"}, places(report))
	assert.Equal(t, 1, report.Files)
}

func TestAKeyIsFoundOnceWhereverItStandsInALongLine(t *testing.T) {
	key := anthropicKey("long")
	for _, before := range []int{0, 10, pieceSize - 200, pieceSize - 100, pieceSize - 50, pieceSize - 1, pieceSize, pieceSize + 1, 2*pieceSize - 60, 3*pieceSize + 5} {
		line := strings.Repeat("x,", (before+1)/2)[:before] + ";" + key + ";" + strings.Repeat("y,", pieceSize)
		found := map[string]int{}
		require.NoError(t, eachLine(strings.NewReader("first\n"+line+"\nlast "+key), func(number int, line []byte, _ bool) {
			for _, m := range matches(line) {
				found[m.fingerprint] |= 1 << number
			}
		}))
		assert.Equal(t, map[string]int{fingerprint([]byte(key)): 1<<2 | 1<<3}, found, "%d before", before)
	}
}

func TestEachVendorsKeysAreKnownAndPlaceholdersAreNot(t *testing.T) {
	hex := strings.Repeat("0a9f8e7d6c5b4321", 4)
	upper := "Q7W3E2R5T6Y4UIOP"
	for key, kind := range map[string]string{
		anthropicKey("x"):                                           "Anthropic API key",
		"sk-ant-" + "admin01-" + secret("a", 95):                    "Anthropic admin key",
		"sk-ant-" + "oat01-" + secret("o", 95):                      "Anthropic OAuth token",
		"sk-" + "proj-" + secret("p", 120):                          "OpenAI API key",
		"sk-" + secret("l", 20) + "T3Blbk" + "FJ" + secret("m", 20): "OpenAI API key",
		"sk-or" + "-v1-" + hex:                                      "OpenRouter API key",
		"AI" + "za" + secret("g", 35):                               "Google API key",
		"AK" + "IA" + upper:                                         "AWS access key",
		"gh" + "p_" + secret("h", 36):                               "GitHub token",
		"gl" + "pat-" + secret("lab", 20):                           "GitLab token",
		"xo" + "xb-" + secret("s", 40):                              "Slack token",
		"sk" + "_live_" + secret("st", 30):                          "Stripe key",
		"gs" + "k_" + secret("gr", 52):                              "Groq API key",
		"np" + "m_" + secret("n", 36):                               "npm token",
		"SG" + "." + secret("a", 22) + "." + secret("b", 43):        "SendGrid API key",
	} {
		for _, line := range []string{key, `"key": "` + key + `",`, "https://u:" + key + "@host", "KEY=" + key} {
			found := matches([]byte(line))
			require.Len(t, found, 1, kind)
			assert.Equal(t, kind, found[0].kind)
			assert.Equal(t, fingerprint([]byte(key)), found[0].fingerprint)
			assert.True(t, strings.HasPrefix(key, strings.TrimSuffix(found[0].shown, "…")))
		}
		assert.Empty(t, matches([]byte("prefix"+key)), "%s within a word", kind)
	}
	for _, line := range []string{
		"sk-ant-" + "api03-" + strings.Repeat("x", 95),
		"sk-ant-" + "api03-your-key-goes-here-and-nowhere-else-ok",
		"sk-ant-" + "api03-...",
		"sk-ant-…",
		"AKIA" + "IOSFODNN7EXAMPLE",
		"task-ant-api03-is-no-key-but-a-name-of-something-long",
	} {
		assert.Empty(t, matches([]byte(line)), line)
	}
}

func TestGitsQuotedNamesAreRead(t *testing.T) {
	for line, want := range map[string]string{"b/a.txt": "a.txt", "b/a b.txt\t": "a b.txt", `"b/tab\there"`: "tab\there", `"b/\001x"`: "\x01x", `"b/q\"q"`: `q"q`, "/dev/null": "/dev/null"} {
		assert.Equal(t, want, fileName(line))
	}
}

func FuzzAnyPatchIsReadWithoutAPanic(f *testing.F) {
	f.Add([]byte(commitMark + "0123 2026-01-02\n message\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-old\n+new\n+++ b/not a header\n"))
	f.Add([]byte("diff --cc x\n+++ b/x\n@@@ -1,2 -1,2 +1,3 @@@\n  a\n +b\n++c\ndiff --git"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := readPatch(bytes.NewReader(data), func(_, _, _ string, _ int, line []byte) { matches(line) })
		if err != nil && !errors.Is(err, bytes.ErrTooLarge) {
			t.Fatal(err)
		}
	})
}

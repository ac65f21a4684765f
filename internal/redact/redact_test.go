package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude/internal/redact"
)

const key = "sk-ant-api03-AbCdEf_0123456789-xyz"

func TestText(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"empty":               {"", ""},
		"nothing secret":      {"a task-force asked: is sk-1 ok?", "a task-force asked: is sk-1 ok?"},
		"alone":               {key, redact.Mask},
		"in a sentence":       {"key " + key + ", it is", "key " + redact.Mask + ", it is"},
		"glued to a word":     {"x" + key, "x" + redact.Mask},
		"two":                 {key + " " + key, redact.Mask + " " + redact.Mask},
		"token":               {"sk-ant-oat01-abcdefgh", redact.Mask},
		"another provider's":  {"sk-proj-abcdefgh", redact.Mask},
		"sk- inside a word":   {"risk-assessment", "risk-assessment"},
		"sk- in longer words": {"task-force-something-long", "task-force-something-long"},
		"bearer of bad news":  {"bearer of bad news", "bearer of bad news"},
		"short after prefix":  {"sk-ant-abc", "sk-ant-abc"},
		"bearer":              {"Authorization: Bearer abc.def~ghi==", "Authorization: Bearer " + redact.Mask},
		"bearer, odd case":    {"bEARER  abcdefgh", "bEARER  " + redact.Mask},
		"the word bearer":     {"the bearer of it", "the bearer of it"},
		"basic":               {"Basic dXNlcjpwYXNz", "Basic " + redact.Mask},
		"userinfo":            {"http://user:p@ss@proxy:80/x", "http://" + redact.Mask + "@proxy:80/x"},
		"no userinfo":         {"https://host/a@b", "https://host/a@b"},
		"userinfo in a quote": {`parse "http://u:p@h": bad`, `parse "http://` + redact.Mask + `@h": bad`},
		"invalid UTF-8":       {"\xff" + key + "\xff", "\xff" + redact.Mask + "\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, redact.Text(tt.in))
		})
	}
}

func TestTextKnown(t *testing.T) {
	assert.Equal(t, "got "+redact.Mask+"!", redact.Text("got opaque-token!", "opaque-token"))
	assert.Equal(t, "a cat", redact.Text("a cat", "a", ""), "too short to be a secret")
}

func TestLine(t *testing.T) {
	assert.Equal(t, "a b c", redact.Line("a\nb\tc", 99))
	assert.Equal(t, "red[31m", redact.Line("\x1b\u009bred[31m\x00\x7f\xff", 99), "no control characters")
	assert.Equal(t, "aä…", redact.Line("aäöü", 4), "cut between characters")
	assert.Equal(t, "x "+redact.Mask, redact.Line("x sk-\x00ant-api03-abc\x1bdefghijkl", 99), "what is dropped hides nothing")
	assert.NotContains(t, redact.Line(strings.Repeat("x", 250)+" "+key, 256), "sk-", "across the limit")
	assert.LessOrEqual(t, len(redact.Line(strings.Repeat("é", 1<<20), 256)), 256+len("…"))
}

func TestCut(t *testing.T) {
	assert.Equal(t, "abc", redact.Cut("abc", 3))
	assert.Equal(t, "ab…", redact.Cut("abc", 2))
	assert.Equal(t, "…", redact.Cut("äb", 1))
}

func TestHeader(t *testing.T) {
	for _, name := range []string{"x-api-key", "Authorization", "proxy-authorization", "COOKIE", "Set-Cookie", "X-Goog-Api-Key"} {
		assert.Equal(t, redact.Mask, redact.Header(name, "any"), name)
	}
	assert.Equal(t, "application/json", redact.Header("Content-Type", "application/json"))
	assert.Equal(t, redact.Mask, redact.Header("X-Other", key))
	assert.Equal(t, redact.Mask, redact.Header("X-Other", "opaque-token", "opaque-token"))
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "sk-", "Bearer ", "basic bearer ", "http://u:p@h/", "://", "sk-ant-", "\xff\x00\n", "{\"key\":\""} {
		f.Add(seed, "")
		f.Add("", seed)
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		in := before + key + after
		out := redact.Text(in)
		if strings.Contains(out, key) {
			t.Fatalf("Text(%q) = %q: the key survives", in, out)
		}
		if again := redact.Text(out); again != out {
			t.Fatalf("Text is not idempotent: %q, then %q", out, again)
		}
		line := redact.Line(in, 256)
		if strings.Contains(line, key) || strings.ContainsAny(line, "\n\r\x00\x1b") || len(line) > 256+len("…") || !utf8.ValidString(line) {
			t.Fatalf("Line(%q) = %q", in, line)
		}
	})
}

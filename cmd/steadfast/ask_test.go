package main

import (
	"bytes"
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

// at points the environment to a server.
func at(t *testing.T, url string) {
	t.Helper()
	for _, name := range []string{"ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"} {
		t.Setenv(name, "")
	}
	t.Setenv("ANTHROPIC_API_KEY", "sk-ant-"+"test-key-that-nobody-may-see")
	t.Setenv("ANTHROPIC_BASE_URL", url)
}

func TestAskShowsTheAnswerAndHowItWent(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		stdin string
		steps []claudetest.Step
	}{
		"ask":              {args: []string{"ask", "Why is the sky blue?"}, steps: []claudetest.Step{claudetest.Text("Because of Rayleigh.")}},
		"ask-stdin":        {args: []string{"ask", "--system", "Be short.", "-"}, stdin: "Why?\n", steps: []claudetest.Step{claudetest.Text("Because.\n")}},
		"ask-no-stream":    {args: []string{"ask", "--no-stream", "-m", "claude-haiku-5-5", "Hello"}, steps: []claudetest.Step{claudetest.Text("Hello!")}},
		"ask-json":         {args: []string{"ask", "--json", "--no-stream", "Hello"}, steps: []claudetest.Step{claudetest.Text("Hello!")}},
		"ask-cut":          {args: []string{"ask", "--max-tokens", "5", "Hello"}, steps: []claudetest.Step{claudetest.Text("Hello, how").StopReason(claude.StopMaxTokens)}},
		"ask-refused":      {args: []string{"ask", "Hello"}, steps: []claudetest.Step{claudetest.Text("").StopReason(claude.StopRefusal)}},
		"ask-unauthorized": {args: []string{"ask", "Hello"}, steps: []claudetest.Step{claudetest.Unauthorized()}},
		"ask-json-failure": {args: []string{"ask", "--json", "Hello"}, steps: []claudetest.Step{claudetest.Region()}},
		"ask-credit":       {args: []string{"ask", "Hello"}, steps: []claudetest.Step{claudetest.NoCredit()}},
		"ask-broken-off":   {args: []string{"ask", "Hello"}, steps: []claudetest.Step{claudetest.Text("one two three four five six seven eight").EndAfter(claudetest.Events(6))}},
		"ask-empty":        {args: []string{"ask", "-"}},
		"ask-no-tokens":    {args: []string{"ask", "--max-tokens", "0", "Hello"}},
		"ask-wrong-flag":   {args: []string{"ask", "--max-tokens", "many", "Hello"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := claudetest.NewServer(t, c.steps...)
			at(t, server.URL)
			s := call(c.stdin, c.args...)
			assert.NotContains(t, s.stdout+s.stderr, "nobody-may-see")
			golden(t, name, c.args, s)
		})
	}
}

func TestAskSendsWhatItWasTold(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Text("ok"))
	at(t, server.URL)
	require.Zero(t, call("", "ask", "-m", "claude-opus-5-5", "--max-tokens", "77", "--system", "Be short.", "two", "words").code)
	r := server.Requests()[0]
	assert.Equal(t, "claude-opus-5-5", r.Model)
	assert.Equal(t, 77, r.Message.MaxTokens)
	assert.Equal(t, "two words", r.Message.Messages[0].Text())
	assert.Contains(t, string(r.Body), "Be short.")
	assert.True(t, r.Stream)
}

func TestTheDemonstrationNeedsNoKeyAndShowsARetry(t *testing.T) {
	at(t, "")
	t.Setenv("ANTHROPIC_API_KEY", "")
	args := []string{"ask", "--demo", "Is anybody there?"}
	s := call("", args...)
	require.Zero(t, s.code, s.stderr)
	golden(t, "ask-demo", args, s)
}

func TestAskWithoutAKeyEndsWithTheCodeOfAWrongConfiguration(t *testing.T) {
	at(t, "")
	t.Setenv("ANTHROPIC_API_KEY", "")
	args := []string{"ask", "Hello"}
	s := call("", args...)
	assert.Equal(t, 10, s.code)
	golden(t, "ask-no-key", args, s)
}

func TestAnInterruptKeepsWhatHasCome(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Text("one two three four five six").StallAfter(claudetest.Events(6), claudetest.Forever))
	at(t, server.URL)
	ctx, interrupt := context.WithCancel(t.Context())
	var failure bytes.Buffer
	out := &firstWrite{do: interrupt}
	command := askCommand{Model: claude.ModelSonnet5_5, MaxTokens: 64, Prompt: []string{"Count."}}
	err := command.run(ctx, streams{out, &failure}, input{})
	s := seen{out.text.String(), failure.String(), finish(err, streams{out, &failure})}
	assert.Equal(t, 130, s.code)
	assert.True(t, strings.HasPrefix(s.stdout, "one"), s.stdout)
	assert.True(t, strings.HasSuffix(s.stdout, "\n"), s.stdout)
	assert.Contains(t, s.stderr, "interrupted")
	assert.NotContains(t, s.stderr, "What to do")
}

func TestAnInterruptInJSONIsAFailureOfItsClass(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	server := claudetest.NewServer(t, claudetest.Choose(func(*claudetest.Request) claudetest.Step {
		interrupt()
		return claudetest.NoAnswer()
	}))
	at(t, server.URL)
	var out, failure bytes.Buffer
	command := askCommand{Model: claude.ModelSonnet5_5, MaxTokens: 64, JSON: true, Prompt: []string{"Count."}}
	err := command.run(ctx, streams{&out, &failure}, input{})
	assert.Equal(t, 130, finish(err, streams{&out, &failure}))
	var result struct {
		OK    bool   `json:"ok"`
		Class string `json:"class"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &result))
	assert.False(t, result.OK)
	assert.Equal(t, "canceled", result.Class)
}

// firstWrite does something once there is something to read.
type firstWrite struct {
	text bytes.Buffer
	do   func()
}

func (w *firstWrite) Write(p []byte) (int, error) {
	defer w.do()
	return w.text.Write(p)
}

func TestEveryClassHasAnExitCodeOfItsOwn(t *testing.T) {
	seen := map[int]claude.Class{}
	for _, c := range exitCodes {
		assert.Empty(t, seen[c.code], "%d is of %s and of %s", c.code, c.class, seen[c.code])
		seen[c.code] = c.class
		assert.Equal(t, c.code, exitCode(c.class))
	}
	assert.Equal(t, exitFailure, exitCode(claude.ErrUnknown))

	const source = "../../class.go"
	if _, err := os.Stat(source); err != nil {
		t.Skip("the library's source is not beside this module: ", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Class" {
			return true
		}
		class := claude.Class(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		if class != claude.ErrUnknown && class != claude.ErrNetwork && class != claude.ErrServer {
			assert.NotEqual(t, exitFailure, exitCode(class), "%s has no exit code", class)
		}
		return true
	})
}

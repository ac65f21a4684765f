package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
)

var update = flag.Bool("update", false, "write docs/migrate.md")

const guide = "../../docs/migrate.md"

// forecast is the tool of the guide.
func forecast(input []byte) string { return "Rain, says " + string(input) }

// task is a section of the guide. Both sides are made to ask a fake API of the same
// steps, and must say the same and be asked the same.
type task struct {
	title string
	text  string
	name  string // of its functions, behind "sdk" and "our"
	steps []claudetest.Step
	sdk   func(context.Context, anthropic.Client, *claudetest.Server) (string, error)
	our   func(context.Context, *claude.Client, *claudetest.Server) (string, error)
}

var (
	params  = anthropic.MessageNewParams{Model: anthropic.ModelClaudeSonnet5_5, MaxTokens: 1024, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hello"))}}
	request = claude.Request{Model: claude.ModelSonnet5_5, MaxTokens: 1024, Messages: []claude.Message{claude.UserText("Hello")}}
)

func textOf(message *anthropic.Message, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return message.Content[0].Text, nil
}

func ourTextOf(resp *claude.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return resp.Text(), nil
}

var png = []byte("\x89PNG\r\n\x1a\n and so on")

var tasks = []task{
	{
		"A call", "`New` checks the set-up and returns what is wrong with it. `Text` joins the text blocks.", "Call",
		[]claudetest.Step{claudetest.Text("Hello!")},
		func(ctx context.Context, _ anthropic.Client, _ *claudetest.Server) (string, error) {
			return sdkCall(ctx)
		},
		func(ctx context.Context, _ *claude.Client, _ *claudetest.Server) (string, error) { return ourCall(ctx) },
	},
	{
		"A system prompt, cached", "`client` is the one of the first task, here and from now on.", "System",
		[]claudetest.Step{claudetest.Text("Hi.")},
		func(ctx context.Context, c anthropic.Client, _ *claudetest.Server) (string, error) {
			return textOf(sdkSystem(ctx, c))
		},
		func(ctx context.Context, c *claude.Client, _ *claudetest.Server) (string, error) {
			return ourTextOf(ourSystem(ctx, c))
		},
	},
	{
		"A conversation", "One type for what is sent and what is received: what came back goes back with every member it came with, known or not.", "Conversation",
		[]claudetest.Step{claudetest.Text("Hello, Ada."), claudetest.Text("Ada.")},
		func(ctx context.Context, c anthropic.Client, _ *claudetest.Server) (string, error) {
			return "", sdkConversation(ctx, c)
		},
		func(ctx context.Context, c *claude.Client, _ *claudetest.Server) (string, error) {
			return "", ourConversation(ctx, c)
		},
	},
	{
		"A stream", "A stream that ends before the API said that it is complete is an error, with what had come in a `*claude.StreamError`. What fails before the first content is tried again.", "Stream",
		[]claudetest.Step{claudetest.Text("Once upon a time.")},
		func(ctx context.Context, c anthropic.Client, _ *claudetest.Server) (string, error) {
			var shown strings.Builder
			stop, err := sdkStream(ctx, c, func(s string) { shown.WriteString(s) })
			return shown.String() + stop, err
		},
		func(ctx context.Context, c *claude.Client, _ *claudetest.Server) (string, error) {
			var shown strings.Builder
			stop, err := ourStream(ctx, c, func(s string) { shown.WriteString(s) })
			return shown.String() + stop, err
		},
	},
	{
		"Tools", "The schema is JSON, made by hand or by a library of your choice. The SDK has a tool runner, in beta, that makes this loop for you; there is none here.", "Tools",
		[]claudetest.Step{
			claudetest.Blocks(claude.Text("Let me see."), claudetest.Call("weather", `{"city":"Oslo"}`), &claude.ToolUseBlock{ID: "toolu_2", Name: "weather", Input: json.RawMessage(`{"city":"Rome"}`)}),
			claudetest.Text("Rain."),
		},
		func(ctx context.Context, c anthropic.Client, _ *claudetest.Server) (string, error) {
			return "", sdkTools(ctx, c, []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Weather?"))})
		},
		func(ctx context.Context, c *claude.Client, _ *claudetest.Server) (string, error) {
			return "", ourTools(ctx, c, []claude.Message{claude.UserText("Weather?")})
		},
	},
	{
		"A picture", "The bytes go in as they are.", "Image",
		[]claudetest.Step{claudetest.Text("Nothing.")},
		func(ctx context.Context, c anthropic.Client, _ *claudetest.Server) (string, error) {
			return textOf(sdkImage(ctx, c, png))
		},
		func(ctx context.Context, c *claude.Client, _ *claudetest.Server) (string, error) {
			return ourTextOf(ourImage(ctx, c, png))
		},
	},
	{
		"Counting tokens", "The request is that of a call. `MaxTokens` may stay in it.", "Count",
		nil,
		func(ctx context.Context, c anthropic.Client, _ *claudetest.Server) (string, error) {
			n, err := sdkCount(ctx, c)
			return fmt.Sprint(n), err
		},
		func(ctx context.Context, c *claude.Client, _ *claudetest.Server) (string, error) {
			n, err := ourCount(ctx, c)
			return fmt.Sprint(n), err
		},
	},
	{
		"Retries and time limits", "Attempts count the first one too. Limits are for phases, so that they need not fit the longest answer; the context limits a call as a whole.", "Retries",
		[]claudetest.Step{claudetest.Text("Hello!")},
		func(ctx context.Context, _ anthropic.Client, _ *claudetest.Server) (string, error) {
			return textOf(sdkRetries(ctx, params))
		},
		func(ctx context.Context, _ *claude.Client, _ *claudetest.Server) (string, error) {
			return ourTextOf(ourRetries(ctx, request))
		},
	},
	{
		"Errors", "Ask for the class, whatever status it came with: for an account without credit that is 400, for a spend limit 429. [errors.md](errors.md) lists them all.", "Errors",
		[]claudetest.Step{claudetest.NoCredit()},
		func(ctx context.Context, c anthropic.Client, _ *claudetest.Server) (string, error) {
			what, err := sdkErrors(ctx, c, params)
			if _, ok := errors.AsType[*anthropic.Error](err); !ok {
				return what, err
			}
			return what, nil
		},
		func(ctx context.Context, c *claude.Client, _ *claudetest.Server) (string, error) {
			what, err := ourErrors(ctx, c, request)
			if !errors.Is(err, claude.ErrBilling) {
				return what, err
			}
			return what, nil
		},
	},
	{
		"A gateway, a proxy, a company's certificates", "`ANTHROPIC_BASE_URL`, `HTTPS_PROXY` and `NO_PROXY` are read by both.", "Proxy",
		[]claudetest.Step{claudetest.Text("Hello!")},
		func(ctx context.Context, _ anthropic.Client, s *claudetest.Server) (string, error) {
			proxy, err := s.ProxyURL()
			if err != nil {
				return "", err
			}
			client, err := sdkProxy("https://gateway.example.com/anthropic", proxy, s.CertPEM)
			if err != nil {
				return "", err
			}
			return textOf(client.Messages.New(ctx, params))
		},
		func(ctx context.Context, _ *claude.Client, s *claudetest.Server) (string, error) {
			proxy, err := s.ProxyURL()
			if err != nil {
				return "", err
			}
			client, err := ourProxy("https://gateway.example.com/anthropic", proxy, s.CertPEM)
			if err != nil {
				return "", err
			}
			defer client.Close()
			return ourTextOf(client.Messages.Create(ctx, request))
		},
	},
}

func TestBothSidesOfTheGuideAskAndAnswerTheSame(t *testing.T) {
	for _, task := range tasks {
		t.Run(task.title, func(t *testing.T) {
			begin := claudetest.NewServer
			if task.name == "Proxy" {
				begin = claudetest.NewTLSServer
			}
			t.Setenv("ANTHROPIC_API_KEY", key)
			t.Setenv("NO_PROXY", "127.0.0.1")

			theirs := begin(t, task.steps...)
			t.Setenv("ANTHROPIC_BASE_URL", theirs.URL)
			kept := new(http.Transport)
			defer kept.CloseIdleConnections()
			want, err := task.sdk(t.Context(), anthropic.NewClient(option.WithHTTPClient(&http.Client{Transport: kept})), theirs)
			require.NoError(t, err)

			server := begin(t, task.steps...)
			t.Setenv("ANTHROPIC_BASE_URL", server.URL)
			client, err := claude.New()
			require.NoError(t, err)
			defer client.Close()
			got, err := task.our(t.Context(), client, server)
			require.NoError(t, err)

			assert.Equal(t, want, got)
			server.ExpectRequests(t, len(theirs.Requests()))
			for i, asked := range theirs.Requests() {
				assert.Equal(t, asked.Path, server.Requests()[i].Path)
				// Decoded and encoded again: the same may be said in two ways.
				want, err := json.Marshal(asked.Message)
				require.NoError(t, err)
				got, err := json.Marshal(server.Requests()[i].Message)
				require.NoError(t, err)
				assert.JSONEq(t, string(want), string(got))
			}
		})
	}
}

func TestTheGuidesFirstSnippetGetsThroughAReset(t *testing.T) {
	server := claudetest.NewServer(t, claudetest.Reset(), claudetest.Text("Hello!"))
	t.Setenv("ANTHROPIC_API_KEY", key)
	t.Setenv("ANTHROPIC_BASE_URL", server.URL)
	text, err := textOf(sdkDropIn(t.Context(), params))
	require.NoError(t, err)
	assert.Equal(t, "Hello!", text)
}

func TestTheGuideShowsWhatIsCompiledHere(t *testing.T) {
	theirs, ours := bodies(t, "migrate_sdk_test.go"), bodies(t, "migrate_ours_test.go")
	var doc strings.Builder
	doc.WriteString(`<!-- Generated by "go test . -run Guide -update" in internal/conformance; do not edit. -->

# From the official SDK

Ten common tasks with github.com/anthropics/anthropic-sdk-go/v2 (v2.13.0), and with this
package. A test compiles every snippet, that of the SDK with v1.84.0 too, runs both sides
of each task against the same fake API and checks that they ask and answer the same.

You need not migrate for the resilience. It fits under the SDK as it is:

` + "```go\n" + theirs["sdkDropIn"] + "```\n")
	delete(theirs, "sdkDropIn")
	for i, task := range tasks {
		fmt.Fprintf(&doc, "\n## %d. %s\n\n%s\n\nThe SDK:\n\n```go\n%s```\n\nSteadfast:\n\n```go\n%s```\n", i+1, task.title, task.text, theirs["sdk"+task.name], ours["our"+task.name])
		require.NotEmpty(t, theirs["sdk"+task.name])
		require.NotEmpty(t, ours["our"+task.name])
	}
	assert.Len(t, theirs, len(tasks), "each snippet is shown")
	assert.Len(t, ours, len(tasks), "each snippet is shown")
	if *update {
		require.NoError(t, os.WriteFile(guide, []byte(doc.String()), 0o644))
	}
	text, err := os.ReadFile(guide)
	require.NoError(t, err)
	assert.Equal(t, doc.String(), string(text), "docs/migrate.md is out of date: go test . -run Guide -update")
}

func TestTheGuideHoldsForTheFirstMajorOfTheSDKToo(t *testing.T) {
	text, err := os.ReadFile("migrate_sdk_test.go")
	require.NoError(t, err)
	first := strings.ReplaceAll(string(text), "anthropic-sdk-go/v2", "anthropic-sdk-go") +
		"\nfunc forecast(input []byte) string { return string(input) }\n"
	file := filepath.Join(t.TempDir(), "first.go")
	require.NoError(t, os.WriteFile(file, []byte(first), 0o600))
	here, err := os.Getwd()
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(here, "first", "first.go"): file}})
	require.NoError(t, err)
	list := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	said, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", list, "./first").CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// bodies returns what stands in the functions of a file, by their names.
func bodies(t *testing.T, name string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, 0)
	require.NoError(t, err)
	all := make(map[string]string)
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			body := string(text[files.Position(f.Body.Lbrace).Offset+2 : files.Position(f.Body.Rbrace).Offset])
			all[f.Name.Name] = strings.TrimPrefix(strings.ReplaceAll(body, "\n\t", "\n"), "\t")
		}
	}
	return all
}

package claude_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/sample"
)

func bodyWith(member string) []byte {
	return []byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],` + member + `}`)
}

func bodyOf(block string) []byte {
	return []byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[` + block + `]}]}`)
}

func TestANullIsNoWayAroundARule(t *testing.T) {
	for _, block := range []string{`{"type":"text","text":null}`, `{"type":"image","source":{"type":"base64","media_type":"image/png","data":null}}`} {
		assert.ErrorIs(t, claude.ValidateJSON(bodyOf(block), claude.Version20261021), claude.ErrValidation, block)
	}
}

func TestAFaultKeepsThePlacesBehindIt(t *testing.T) {
	problems := claude.CheckJSON(bodyOf(`5,{"type":"text","text":"x"},{"type":"text","text":""}`), claude.Version20261021)
	var paths []string
	for _, p := range problems {
		paths = append(paths, p.Path)
	}
	assert.Contains(t, paths, "messages[0].content[2].text")

	problems = claude.CheckJSON(bodyWith(`"tools":[5,{"name":"","input_schema":{"type":"object"}}]`), claude.Version20261021)
	require.Len(t, problems, 2)
	assert.Equal(t, "tools[0]", problems[0].Path)
	assert.Equal(t, "tools[1].name", problems[1].Path)
}

func TestRuleIDsAreTheDocumentedOnes(t *testing.T) {
	ids := func(problems []claude.Problem) {
		for _, p := range problems {
			assert.Regexp(t, `^[RM]\d{3}$`, p.Rule)
		}
	}
	for _, r := range sample.Requests() {
		ids(claude.Check(r, claude.Version20261021))
	}
	ids(claude.CheckJSON(bodyWith(`"tool_choice":{"type":"required"}`), claude.Version20261021))
	ids(claude.Check(claude.Request{Model: "m", MaxTokens: 9, Messages: []claude.Message{
		claude.UserText("x"), claude.Assistant(&claude.ToolUseBlock{ID: "a", Name: "f"}),
	}}, claude.Version20261021))
}

func TestACompactionMayComeFirst(t *testing.T) {
	r := claude.Request{Model: "m", MaxTokens: 9, Messages: []claude.Message{
		claude.Assistant(&claude.UnknownBlock{Type: "compaction", Raw: json.RawMessage(`{"type":"compaction","content":"so far"}`)}),
		claude.UserText("x"),
	}}
	assert.Empty(t, claude.Check(r, claude.Version20261021))
}

// Fifty thousand calls took 18 s when every result was looked for one by one.
func TestManyToolCallsArePairedInLinearTime(t *testing.T) {
	calls, results := claude.Assistant(), claude.User()
	for i := range 50_000 {
		id := fmt.Sprint("toolu_", i)
		calls.Content = append(calls.Content, &claude.ToolUseBlock{ID: id, Name: "f"})
		results.Content = append(results.Content, &claude.ToolResultBlock{ToolUseID: id})
	}
	r := claude.Request{Model: "m", MaxTokens: 9, Messages: []claude.Message{claude.UserText("x"), calls, results}}
	start := time.Now()
	assert.Empty(t, claude.Check(r, claude.Version20261021))
	assert.Less(t, time.Since(start), 5*time.Second)

	// The same rules hold for long turns as for short ones.
	results.Content[7] = &claude.ToolResultBlock{ToolUseID: "toolu_8"}
	results.Content = append(results.Content, &claude.ToolResultBlock{ToolUseID: "toolu_x"})
	r.Messages[2] = results
	var rules []string
	for _, p := range claude.Check(r, claude.Version20261021) {
		rules = append(rules, p.Rule)
	}
	assert.Equal(t, "R102 R104 R103", strings.Join(rules, " "))
}

package claude_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/sample"
)

// talk returns a request with the messages.
func talk(messages ...claude.Message) claude.Request {
	return claude.Request{Model: "some-future-model", MaxTokens: 64, Messages: messages}
}

// with returns the request changed.
func with(change func(*claude.Request)) claude.Request {
	r := talk(claude.UserText("Hello"))
	change(&r)
	return r
}

var (
	weather = &claude.CustomTool{Name: "weather", InputSchema: json.RawMessage(`{"type":"object"}`)}
	use     = &claude.ToolUseBlock{ID: "toolu_1", Name: "weather", Input: json.RawMessage(`{}`)}
)

// brokenRules has a request for each rule that breaks it.
var brokenRules = []struct {
	rule    string
	path    string
	version string // empty means 2023-06-01
	request claude.Request
}{
	{"R001", "messages[0].content[0].text", "", talk(claude.UserText("a\xff"))},
	{"R002", "temperature", "", with(func(r *claude.Request) { r.Temperature = new(math.NaN()) })},
	{"R005", "model", "", with(func(r *claude.Request) { r.Model = "" })},
	{"R006", "max_tokens", "", with(func(r *claude.Request) { r.MaxTokens = 0 })},
	{"R007", "max_tokens", "", with(func(r *claude.Request) { r.MaxTokens = -1 })},
	{"R009", "max_tokens", "", with(func(r *claude.Request) { r.Model, r.MaxTokens = claude.ModelOpus4_6, 128_001 })},
	{"R012", "max_tokens", "", with(func(r *claude.Request) {
		r.MaxTokens, r.WarmCache = 0, true
		r.ToolChoice, r.Tools = &claude.ToolChoice{Type: claude.ToolChoiceAny}, []claude.Tool{weather}
	})},
	{"R014", "messages", "", talk()},
	{"R019", "stop_sequences[1]", "", with(func(r *claude.Request) { r.StopSequences = []string{"a", " "} })},
	{"R021", "metadata.user_id", "", with(func(r *claude.Request) { r.Metadata = &claude.Metadata{UserID: "me@example.com"} })},
	{"R022", "metadata.user_id", "", with(func(r *claude.Request) { r.Metadata = &claude.Metadata{UserID: strings.Repeat("x", 257)} })},
	{"R023", "service_tier", "", with(func(r *claude.Request) { r.ServiceTier = "gold" })},
	{"R024", "inference_geo", "", with(func(r *claude.Request) { r.InferenceGeo = "mars" })},
	{"R025", "inference_geo", "", with(func(r *claude.Request) { r.Model, r.InferenceGeo = claude.ModelHaiku4_5, "us" })},
	{"R026", "container", "", with(func(r *claude.Request) { r.Container = &claude.Container{ID: "c"} })},
	{"R033", "temperature", claude.Version20261021, with(func(r *claude.Request) { r.Temperature = new(1.0) })},
	{"R033", "top_k", claude.Version20261021, with(func(r *claude.Request) { r.TopK = new(5) })},
	{"R034", "temperature", "", with(func(r *claude.Request) { r.Temperature = new(1.5) })},
	{"R035", "top_p", "", with(func(r *claude.Request) { r.TopP = new(-0.5) })},
	{"R036", "top_k", "", with(func(r *claude.Request) { r.TopK = new(-1) })},
	{"R037", "temperature", "", with(func(r *claude.Request) { r.Model, r.Temperature = claude.ModelOpus4_8, new(0.5) })},
	{"R039", "top_p", "", with(func(r *claude.Request) {
		r.Model, r.Temperature, r.TopP = claude.ModelSonnet4_5, new(0.5), new(0.5)
	})},
	{"R042", "thinking.type", "", with(func(r *claude.Request) { r.Thinking = &claude.Thinking{Type: "hard"} })},
	{"R043", "thinking.budget_tokens", "", with(func(r *claude.Request) {
		r.MaxTokens, r.Thinking = 4000, &claude.Thinking{Type: claude.ThinkingEnabled, BudgetTokens: 1000}
	})},
	{"R044", "thinking.budget_tokens", "", with(func(r *claude.Request) {
		r.MaxTokens, r.Thinking = 2000, &claude.Thinking{Type: claude.ThinkingEnabled, BudgetTokens: 2000}
	})},
	{"R045", "thinking.type", "", with(func(r *claude.Request) {
		r.Model, r.MaxTokens, r.Thinking = claude.ModelOpus4_7, 4000, &claude.Thinking{Type: claude.ThinkingEnabled, BudgetTokens: 2000}
	})},
	{"R046", "thinking.type", "", with(func(r *claude.Request) {
		r.Model, r.Thinking = claude.ModelHaiku4_5, &claude.Thinking{Type: claude.ThinkingAdaptive}
	})},
	{"R047", "thinking.type", "", with(func(r *claude.Request) {
		r.Model, r.Thinking = claude.ModelSonnet5_5, &claude.Thinking{Type: claude.ThinkingDisabled}
	})},
	{"R048", "output_config.effort", "", with(func(r *claude.Request) {
		r.Model, r.Thinking, r.OutputConfig = claude.ModelOpus5, &claude.Thinking{Type: claude.ThinkingDisabled}, &claude.OutputConfig{Effort: claude.EffortMax}
	})},
	{"R049", "thinking.type", "", with(func(r *claude.Request) {
		r.Model, r.Thinking = claude.ModelOpus5, &claude.Thinking{Type: claude.ThinkingBetweenTools}
	})},
	{"R050", "tool_choice.type", "", with(func(r *claude.Request) {
		r.MaxTokens, r.Thinking = 4000, &claude.Thinking{Type: claude.ThinkingEnabled, BudgetTokens: 2000}
		r.Tools, r.ToolChoice = []claude.Tool{weather}, &claude.ToolChoice{Type: claude.ToolChoiceAny}
	})},
	{"R052", "output_config.effort", "", with(func(r *claude.Request) { r.OutputConfig = &claude.OutputConfig{Effort: "extreme"} })},
	{"R053", "output_config.effort", "", with(func(r *claude.Request) {
		r.Model, r.OutputConfig = claude.ModelHaiku4_5, &claude.OutputConfig{Effort: claude.EffortLow}
	})},
	{"R054", "output_config.effort", "", with(func(r *claude.Request) {
		r.Model, r.OutputConfig = claude.ModelOpus4_6, &claude.OutputConfig{Effort: claude.EffortXHigh}
	})},
	{"R057", "messages[0].role", "", talk(claude.Message{Content: claude.Content{claude.Text("x")}})},
	{"R058", "messages[0].role", "", talk(claude.Message{Role: "bogus", Content: claude.Content{claude.Text("x")}})},
	{"R061", "messages[0].content", "", talk(claude.User(), claude.User())},
	{"R062", "messages[1].content", "", talk(claude.UserText("x"), claude.Assistant(), claude.UserText("x"))},
	{"R063", "messages[0].role", "", talk(claude.AssistantText("x"), claude.UserText("x"))},
	{"R065", "messages[0].role", "", talk(claude.Message{Role: claude.RoleSystem, Content: claude.Content{claude.Text("x")}}, claude.AssistantText("x"))},
	{"R066", "messages[1].role", "", talk(claude.UserText("x"), claude.Message{Role: claude.RoleSystem, Content: claude.Content{claude.Text("x")}}, claude.UserText("x"))},
	{"R069", "messages[1].content", "", talk(claude.UserText("x"), claude.Message{Role: claude.RoleSystem})},
	{"R070", "messages[1].content[0].type", "", talk(claude.UserText("x"), claude.Message{Role: claude.RoleSystem, Content: claude.Content{claude.PDF([]byte("%PDF-1.7 x"))}})},
	{"R073", "messages[1].role", "", with(func(r *claude.Request) {
		r.Model, r.Messages = claude.ModelSonnet5_5, append(r.Messages, claude.AssistantText("Sure:"))
	})},
	{"R074", "messages[1].content[0].text", "", talk(claude.UserText("x"), claude.AssistantText("Sure: "))},
	{"R076", "messages[0].content[1]", "", talk(claude.User(claude.Text("x"), nil))},
	{"R077", "messages[0].content[0].type", "", talk(claude.User(&claude.UnknownBlock{Type: "hologram", Raw: json.RawMessage(`{"type":"hologram"}`)}))},
	{"R078", "messages[0].content[0].text", "", talk(claude.UserText(""))},
	{"R079", "messages[0].content[0].text", "", talk(claude.UserText(" \n"))},
	{"R080", "messages[0].content[0].citations", claude.Version20261021, talk(claude.User(&claude.TextBlock{Text: "x", Citations: []claude.Citation{{Type: claude.CitePage}}}))},
	{"R081", "system[0]", "", with(func(r *claude.Request) { r.System = claude.Content{claude.PDF([]byte("%PDF-1.7 x"))} })},
	{"R084", "messages[0].content[0].source.data", "", talk(claude.User(&claude.ImageBlock{Source: &claude.Source{Type: claude.SourceBase64, MediaType: "image/png", Data: "data:image/png;base64,AAAA"}}))},
	{"R085", "messages[0].content[0].source.data", "", talk(claude.User(claude.Image("image/png", nil)))},
	{"R097", "messages[1].content[0].type", claude.Version20261021, talk(claude.UserText("x"), claude.Assistant(claude.PDF([]byte("%PDF-1.7 x"))), claude.UserText("x"))},
	{"R098", "messages[0].content[1].citations.enabled", "", talk(claude.User(
		&claude.DocumentBlock{Source: claude.TextSource("x"), Citations: &claude.CitationsConfig{Enabled: true}},
		&claude.DocumentBlock{Source: claude.TextSource("y")}))},
	{"R100", "messages[1].content[0].type", "", talk(claude.UserText("x"), claude.Assistant(&claude.SearchResultBlock{Source: "s", Title: "t", Content: claude.Content{claude.Text("x")}}), claude.UserText("x"))},
	{"R102", "messages[1].content[0].id", "", talk(claude.UserText("x"), claude.Assistant(use), claude.UserText("never mind"))},
	{"R103", "messages[0].content[0].tool_use_id", "", talk(claude.ToolResults(use.Result("x")))},
	{"R104", "messages[2].content[1].tool_use_id", "", talk(claude.UserText("x"), claude.Assistant(use), claude.ToolResults(use.Result("x"), use.Result("y")))},
	{"R105", "messages[3].content[0].id", "", talk(claude.UserText("x"), claude.Assistant(use), claude.ToolResults(use.Result("x")), claude.Assistant(use), claude.ToolResults(use.Result("x")))},
	{"R106", "messages[1].content[1].type", "", talk(claude.UserText("x"), claude.Assistant(claude.Text("y"), use.Result("x")), claude.UserText("x"))},
	{"R107", "messages[2].content[1]", "", talk(claude.UserText("x"), claude.Assistant(use), claude.User(claude.Text("here"), use.Result("x")))},
	{"R108", "messages[0].content[0].tool_use_id", "", talk(claude.ToolResults(&claude.ToolResultBlock{}))},
	{"R109", "messages[1].content[0].id", "", talk(claude.UserText("x"), claude.Assistant(&claude.ToolUseBlock{ID: "a b", Name: "x"}), claude.ToolResults(&claude.ToolResultBlock{ToolUseID: "a b"}))},
	{"R110", "messages[1].content[0].id", "", talk(claude.UserText("x"), claude.Assistant(&claude.ServerToolUseBlock{ID: "toolu_1", Name: "web_search"}))},
	{"R111", "messages[1].content[0].name", "", talk(claude.UserText("x"), claude.Assistant(&claude.ToolUseBlock{ID: "toolu_1"}), claude.ToolResults(use.Result("x")))},
	{"R112", "messages[1].content[0].input", "", talk(claude.UserText("x"), claude.Assistant(&claude.ToolUseBlock{ID: "toolu_1", Name: "x", Input: json.RawMessage(`"text"`)}), claude.ToolResults(use.Result("x")))},
	{"R114", "messages[1].content[0].id", "", talk(claude.UserText("x"), claude.Assistant(&claude.ServerToolUseBlock{ID: "srvtoolu_1", Name: "web_search"}), claude.UserText("x"))},
	{"R121", "messages[2].content[0].content[0].tool_name", "", talk(claude.UserText("x"), claude.Assistant(use), claude.ToolResults(use.ResultContent(&claude.ToolReferenceBlock{ToolName: "gone"})))},
	{"R123", "messages[1].content[0].signature", "", talk(claude.UserText("x"), claude.Assistant(&claude.ThinkingBlock{Thinking: "hm"}, claude.Text("y")), claude.UserText("x"))},
	{"R125", "messages[1].content[0].data", "", talk(claude.UserText("x"), claude.Assistant(&claude.RedactedThinkingBlock{}, claude.Text("y")), claude.UserText("x"))},
	{"R126", "messages[0].content[0].type", "", talk(claude.User(&claude.ThinkingBlock{Thinking: "hm", Signature: "s"}))},
	{"R131", "messages[0].content[4].cache_control", "", talk(claude.User(cached(""), cached(""), cached(""), cached(""), cached("")))},
	{"R132", "messages[0].content[0].cache_control", "", talk(claude.User(&claude.TextBlock{CacheControl: &claude.CacheControl{}}))},
	{"R133", "messages[1].content[0].cache_control", "", talk(claude.UserText("x"), claude.Assistant(&claude.ThinkingBlock{Signature: "s", Extra: claude.Extra{"cache_control": json.RawMessage(`{"type":"ephemeral"}`)}}), claude.UserText("x"))},
	{"R134", "messages[0].content[0].cache_control.ttl", "", talk(claude.User(cached("2h")))},
	{"R135", "messages[0].content[1].cache_control.ttl", "", talk(claude.User(cached("5m"), cached("1h")))},
	{"R139", "tools[0]", "", with(func(r *claude.Request) { r.Tools = []claude.Tool{nil} })},
	{"R140", "tools[0].name", "", with(func(r *claude.Request) {
		r.Tools = []claude.Tool{&claude.CustomTool{InputSchema: json.RawMessage(`{"type":"object"}`)}}
	})},
	{"R142", "tools[1].name", "", with(func(r *claude.Request) { r.Tools = []claude.Tool{weather, weather} })},
	{"R143", "tools[0].input_schema", "", with(func(r *claude.Request) { r.Tools = []claude.Tool{&claude.CustomTool{Name: "x"}} })},
	{"R144", "tools[0].input_schema.type", "", with(func(r *claude.Request) {
		r.Tools = []claude.Tool{&claude.CustomTool{Name: "x", InputSchema: map[string]any{"type": "string"}}}
	})},
	{"R149", "tool_choice.type", "", with(func(r *claude.Request) { r.Tools, r.ToolChoice = []claude.Tool{weather}, &claude.ToolChoice{} })},
	{"R151", "tool_choice.name", "", with(func(r *claude.Request) {
		r.Tools, r.ToolChoice = []claude.Tool{weather}, &claude.ToolChoice{Type: claude.ToolChoiceTool, Name: "other"}
	})},
	{"R168", "output_config.format.schema", "", with(func(r *claude.Request) { r.OutputConfig = &claude.OutputConfig{Format: &claude.OutputFormat{}} })},
	{"M001", "model", "", with(func(r *claude.Request) { r.Model = "claude-3-opus-20240229" })},
	{"M002", "model", "", with(func(r *claude.Request) { r.Model = claude.ModelSonnet4_5 })},
}

func cached(ttl claude.CacheTTL) *claude.TextBlock {
	return &claude.TextBlock{Text: "x", CacheControl: &claude.CacheControl{TTL: ttl}}
}

// brokenBodies has a raw body for each rule that a typed request cannot break.
var brokenBodies = []struct{ rule, path, body string }{
	{"R001", "", `{"model":`},
	{"R001", "", "{\"model\":\"\xff\"}"},
	{"R001", "", `{"model":"x","max_tokens":1,"messages":[{"role":"user","content":"\ud800"}]}`},
	{"R005", "model", `{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}`},
	{"R005", "model", `{"model":7,"max_tokens":1,"messages":[{"role":"user","content":"x"}]}`},
	{"R006", "max_tokens", `{"model":"x","messages":[{"role":"user","content":"x"}]}`},
	{"R006", "max_tokens", `{"model":"x","max_tokens":"1","messages":[{"role":"user","content":"x"}]}`},
	{"R006", "max_tokens", `{"model":"x","max_tokens":1.5,"messages":[{"role":"user","content":"x"}]}`},
	{"R010", "temperature", `{"model":"x","max_tokens":1,"temperature":null,"messages":[{"role":"user","content":"x"}]}`},
	{"R010", "messages", `{"model":"x","max_tokens":1,"messages":null}`},
	{"R011", "zzz_unknown", `{"model":"x","max_tokens":1,"zzz_unknown":1,"messages":[{"role":"user","content":"x"}]}`},
	{"R013", "messages", `{"model":"x","max_tokens":1}`},
	{"R013", "messages", `{"model":"x","max_tokens":1,"messages":"hi"}`},
	{"R016", "stream", `{"model":"x","max_tokens":1,"stream":"yes","messages":[{"role":"user","content":"x"}]}`},
	{"R020", "metadata", `{"model":"x","max_tokens":1,"metadata":{"bogus":1},"messages":[{"role":"user","content":"x"}]}`},
	{"R036", "top_k", `{"model":"x","max_tokens":1,"top_k":"5","messages":[{"role":"user","content":"x"}]}`},
	{"R057", "messages[0].role", `{"model":"x","max_tokens":1,"messages":[{"content":"x"}]}`},
	{"R059", "messages[0].content", `{"model":"x","max_tokens":1,"messages":[{"role":"user"}]}`},
	{"R059", "messages[0].content", `{"model":"x","max_tokens":1,"messages":[{"role":"user","content":7}]}`},
	{"R060", "messages[0].bogus", `{"model":"x","max_tokens":1,"messages":[{"role":"user","content":"x","bogus":1}]}`},
	{"R076", "messages[0].content[0]", `{"model":"x","max_tokens":1,"messages":[{"role":"user","content":[7]}]}`},
	{"R076", "messages[0].content[0].type", `{"model":"x","max_tokens":1,"messages":[{"role":"user","content":[{"text":"x"}]}]}`},
	{"R081", "system", `{"model":"x","max_tokens":1,"system":7,"messages":[{"role":"user","content":"x"}]}`},
	{"R139", "tools", `{"model":"x","max_tokens":1,"tools":{},"messages":[{"role":"user","content":"x"}]}`},
	{"R139", "tools[0]", `{"model":"x","max_tokens":1,"tools":[7],"messages":[{"role":"user","content":"x"}]}`},
	{"R149", "tool_choice", `{"model":"x","max_tokens":1,"tool_choice":"auto","messages":[{"role":"user","content":"x"}]}`},
	{"R168", "output_config.format.schema", `{"model":"x","max_tokens":1,"output_config":{"format":{"type":"json_schema"}},"messages":[{"role":"user","content":"x"}]}`},
}

func find(problems []claude.Problem, rule, path string) (claude.Problem, bool) {
	for _, p := range problems {
		if p.Rule == rule && (p.Path == path || path == "metadata" && strings.HasPrefix(p.Path, path)) {
			return p, true
		}
	}
	return claude.Problem{}, false
}

func TestEveryRuleFindsWhatBreaksIt(t *testing.T) {
	for _, tc := range brokenRules {
		version := tc.version
		if version == "" {
			version = claude.Version20230601
		}
		problems := claude.Check(tc.request, version)
		p, ok := find(problems, tc.rule, tc.path)
		if !assert.True(t, ok, "%s at %s: %v", tc.rule, tc.path, problems) {
			continue
		}
		assert.NotEmpty(t, p.Message, tc.rule)
		assert.NotEmpty(t, p.Fix, tc.rule)
	}
	for _, tc := range brokenBodies {
		problems := claude.CheckJSON([]byte(tc.body), claude.Version20230601)
		_, ok := find(problems, tc.rule, tc.path)
		assert.True(t, ok, "%s at %s in %q: %v", tc.rule, tc.path, tc.body, problems)
	}
}

// The rules of class E of the fact sheet that concern a message request. R031 and
// R032 are the client's configuration and are refused by New.
var enforced = strings.Fields(`R001 R002 R005 R006 R007 R010 R013 R014 R016 R036 R057 R059 R061 R062 R076 R078 R081
	R084 R085 R102 R103 R104 R105 R106 R108 R112 R123 R125 R132 R133 R139 R140 R142 R143 R144 R149 R151 R168`)

func TestEveryEnforcedRuleRefuses(t *testing.T) {
	refuses := map[string]bool{}
	note := func(err error) {
		if e, ok := err.(*claude.ValidationError); ok { //nolint:errorlint // Validate returns it bare
			for _, p := range e.Problems {
				refuses[p.Rule] = true
			}
		}
	}
	for _, tc := range brokenRules {
		note(claude.Validate(tc.request, claude.Version20230601))
	}
	for _, tc := range brokenBodies {
		note(claude.ValidateJSON([]byte(tc.body), claude.Version20230601))
	}
	for _, rule := range enforced {
		assert.True(t, refuses[rule], rule)
	}
	for rule := range refuses {
		assert.Contains(t, enforced, rule, "only class E refuses, where the version does not decide")
	}
}

func TestARawBodyGetsTheSameAnswerAsItsRequest(t *testing.T) {
	for name, r := range sample.Requests() {
		body, err := json.Marshal(r)
		require.NoError(t, err, name)
		for _, version := range []string{claude.Version20230601, claude.Version20261021} {
			assert.Equal(t, strip(claude.Check(r, version)), strip(claude.CheckJSON(body, version)), "%s %s", name, version)
		}
	}
	for _, tc := range brokenRules {
		body, err := json.Marshal(tc.request)
		if err != nil || tc.rule == "R006" {
			continue // cannot be written, or means a 0 there
		}
		_, ok := find(claude.CheckJSON(body, claude.Version20230601), tc.rule, tc.path)
		switch tc.rule {
		case "R057", "R143", "R168": // an empty role is none of the known; a nil schema becomes null, R010
			continue
		}
		if tc.version == "" {
			assert.True(t, ok, "%s at %s: %v", tc.rule, tc.path, claude.CheckJSON(body, claude.Version20230601))
		}
	}
}

// strip leaves out what only a raw body can have: members without a Go field,
// which a typed request carries in Extra on purpose.
func strip(problems []claude.Problem) []string {
	var out []string
	for _, p := range problems {
		switch p.Rule {
		case "R011", "R060", "R148", "R020":
		default:
			out = append(out, p.Rule+" "+p.Path)
		}
	}
	return out
}

func TestTheWellKnownCurlRequestPassesWithAWarning(t *testing.T) {
	body := `{"model":"claude-3-opus-20240229","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`
	for _, version := range []string{claude.Version20230601, claude.Version20261021} {
		require.NoError(t, claude.ValidateJSON([]byte(body), version))
		problems := claude.CheckJSON([]byte(body), version)
		require.Len(t, problems, 1)
		assert.Equal(t, claude.SeverityWarning, problems[0].Severity)
		assert.Contains(t, problems[0].String(), "claude-3-opus-20240229")
		assert.Contains(t, problems[0].String(), "claude-opus-5-5")
	}
}

func TestSampleRequestsAreNotRefused(t *testing.T) {
	for name, r := range sample.Requests() {
		assert.NoError(t, claude.Validate(r, claude.Version20230601), name)
	}
}

func TestAnUnknownModelIsNeverWarnedAbout(t *testing.T) {
	r := hello
	r.Model = "claude-next-9"
	assert.Empty(t, claude.Check(r, claude.Version20261021))
}

func TestStrictRefusesRangesToo(t *testing.T) {
	client, script := newClient(t, []claude.Option{claude.WithValidation(claude.ValidationStrict)}, hi)
	r := hello
	r.StopSequences = []string{" "}
	_, err := client.Messages.Create(t.Context(), r)
	require.ErrorIs(t, err, claude.ErrValidation)
	_, err = client.Messages.Create(t.Context(), r, claude.WithValidation(claude.ValidationDefault))
	require.NoError(t, err)
	assert.Len(t, script.Requests(), 1)
}

func FuzzValidateJSON(f *testing.F) {
	for _, tc := range brokenBodies {
		f.Add([]byte(tc.body))
	}
	for _, r := range sample.Requests() {
		body, err := json.Marshal(r)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, version := range []string{claude.Version20230601, claude.Version20261021} {
			if err := claude.ValidateJSON(body, version); err == nil {
				var r claude.Request
				if err := json.Unmarshal(body, &r); err != nil {
					t.Errorf("valid, and yet: %v", err)
				}
			}
		}
	})
}

// Members the API sends as null itself come back in a history.
func TestNullIsRefusedOnlyWhereTheAPIDoes(t *testing.T) {
	for _, body := range []string{
		`{"model":"x","max_tokens":1,"metadata":{"user_id":null},"messages":[{"role":"user","content":"x"}]}`,
		`{"model":"x","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"text","text":"y","citations":null}]},{"role":"user","content":"z"}]}`,
		`{"model":"x","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","title":null,"source":{"type":"text","media_type":"text/plain","data":"x"}}]}]}`,
	} {
		assert.Empty(t, claude.CheckJSON([]byte(body), claude.Version20261021), body)
	}
	assert.Error(t, claude.ValidateJSON([]byte(`{"model":"x","max_tokens":1,"messages":[{"role":"user","content":null}]}`), claude.Version20261021))
}

func TestARawBlockMayBeTheOtherHalfOfAPair(t *testing.T) {
	result := &claude.UnknownBlock{Type: "tool_result", Raw: json.RawMessage(`{"type":"tool_result","tool_use_id":"toolu_1"}`)}
	call := &claude.UnknownBlock{Type: "tool_use", Raw: json.RawMessage(`{"type":"tool_use","id":"toolu_1","name":"x","input":{}}`)}
	assert.NoError(t, claude.Validate(talk(claude.UserText("x"), claude.Assistant(use), claude.User(result)), claude.Version20230601))
	assert.NoError(t, claude.Validate(talk(claude.UserText("x"), claude.Assistant(call), claude.ToolResults(use.Result(""))), claude.Version20230601))
}

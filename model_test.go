package claude

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLookupModel(t *testing.T) {
	assert.Equal(t, &modelFacts{
		maxTokens: 128_000, context: 1_000_000, thinking: "AD", efforts: "low medium high xhigh max", disabledNotAboveHigh: true,
		forcedTool: true, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: 600,
	}, lookupModel(ModelOpus5))
	assert.Equal(t, &modelFacts{
		context: 200_000, thinking: "ED", efforts: "none", forcedTool: true, forcedToolKnown: true, sampling: samplingOneOf,
		noGeo: true, images: 100, deprecated: "2026-09-30", successor: "claude-sonnet-5-5",
	}, lookupModel(ModelSonnet4_5))
	assert.Equal(t, &modelFacts{sampling: samplingDefaults, noPrefill: true}, lookupModel(ModelFable5_2), "what is not verified is unknown")
	assert.Equal(t, "AB", lookupModel(ModelSonnet5_5).thinking)
	assert.Equal(t, samplingHaiku55, lookupModel(ModelHaiku5_5).sampling)
	assert.Equal(t, 64_000, lookupModel("claude-haiku-4-5").maxTokens)

	for alias, id := range map[string]string{
		"claude-opus-4-5":          "claude-opus-4-5-20251101",
		"claude-sonnet-4-5":        "claude-sonnet-4-5-20250929",
		"claude-haiku-4-5":         "claude-haiku-4-5-20251001",
		"claude-opus-4-1":          "claude-opus-4-1-20250805",
		"claude-opus-4-0":          "claude-opus-4-20250514",
		"claude-opus-4":            "claude-opus-4-20250514",
		"claude-sonnet-4-0":        "claude-sonnet-4-20250514",
		"claude-sonnet-4":          "claude-sonnet-4-20250514",
		"claude-3-haiku":           "claude-3-haiku-20240307",
		"claude-3-7-sonnet-latest": "claude-3-7-sonnet-20250219",
		"claude-3-5-haiku-latest":  "claude-3-5-haiku-20241022",
		"claude-3-opus-latest":     "claude-3-opus-20240229",
		"claude-3-5-sonnet-latest": "claude-3-5-sonnet-20241022",
	} {
		require.NotNil(t, lookupModel(id), id)
		assert.Same(t, lookupModel(id), lookupModel(alias), alias)
	}
	for _, id := range []string{"", "claude", "claude-opus-9", "claude-opus-5-5-20990101", "CLAUDE-OPUS-5-5", " claude-opus-5-5"} {
		assert.Nil(t, lookupModel(id), id)
	}
}

// What validation relies on holds for every row.
func TestModelFactsAgree(t *testing.T) {
	for id, m := range models {
		assert.Equal(t, m.deprecated != "" || m.retired != "", m.successor != "", id)
		for _, date := range []string{m.deprecated, m.retired} {
			if date != "" {
				_, err := time.Parse(time.DateOnly, date)
				assert.NoError(t, err, id)
			}
		}
		if m.successor != "" {
			next := lookupModel(m.successor)
			require.NotNil(t, next, id)
			assert.Empty(t, next.successor, id)
			line := strings.Split(m.successor, "-")[1]
			assert.Contains(t, id, line, "the successor is of another line")
		}
		assert.Empty(t, strings.Trim(m.thinking, "AEDB"), id)
		if m.efforts != "none" {
			assert.Subset(t, strings.Fields(allEfforts), strings.Fields(m.efforts), id)
		}
		assert.False(t, m.forcedTool && !m.forcedToolKnown, id)
		switch m.context {
		case 0:
			assert.Zero(t, m.images, id)
		case 200_000:
			assert.Equal(t, 100, m.images, id)
		default:
			assert.Equal(t, 600, m.images, id)
		}
	}
}

func TestEveryModelConstantIsKnown(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "model.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Model") {
			return true
		}
		n++
		name := spec.Names[0].Name
		lit, ok := spec.Values[0].(*ast.BasicLit)
		require.True(t, ok, name)
		id, err := strconv.Unquote(lit.Value)
		require.NoError(t, err)
		m := lookupModel(id)
		require.NotNil(t, m, id)
		assert.Empty(t, m.retired, "a constant for a model that is no longer served")
		plain := strings.NewReplacer("-", "", "_", "")
		assert.Equal(t, strings.ToLower(plain.Replace(id)), strings.ToLower(plain.Replace("claude"+strings.TrimPrefix(name, "Model"))))
		return true
	})
	assert.Equal(t, 22, n)
}

const modelJSON = `{"id":"claude-sonnet-4-5-20250929","type":"model","display_name":"Claude Sonnet 4.5",` +
	`"created_at":"2025-09-29T00:00:00Z","lifecycle":"deprecated","line":"sonnet","max_input_tokens":200000,"max_tokens":64000,` +
	`"deprecated_at":"2026-09-30T00:00:00Z","retires_at":"2026-11-30T00:00:00Z","capabilities":{` +
	`"batch":{"supported":true},"citations":{"supported":true},"code_execution":{"supported":false},` +
	`"image_input":{"supported":true,"max":100},"pdf_input":{"supported":true},"structured_outputs":{"supported":true},` +
	`"server_tools":{"supported":true,"web_search":{"supported":true},"code_execution":{"supported":false},"new":1},` +
	`"thinking":{"supported":true,"types":{"adaptive":{"supported":false},"between_tools":{"supported":false},` +
	`"disabled":{"supported":true},"enabled":{"supported":true},"new":2},"new":3},` +
	`"effort":{"supported":true,"low":{"supported":true},"medium":{"supported":false},"high":{"supported":true},` +
	`"xhigh":{"supported":false},"max":{"supported":true},"new":4},` +
	`"context_management":{"supported":true,"clear_thinking_20251015":{"supported":true},` +
	`"clear_tool_uses_20250919":{"supported":false},"compact_20260112":{"supported":true},"new":5},"new":{"a":[6]}},"new":7}`

func TestModelInfoRoundTrip(t *testing.T) {
	var m ModelInfo
	require.NoError(t, json.Unmarshal([]byte(modelJSON), &m))
	raw := func(s string) Extra { return Extra{"new": json.RawMessage(s)} }
	yes := Support{Supported: true}
	assert.Equal(t, ModelInfo{
		ID: "claude-sonnet-4-5-20250929", DisplayName: "Claude Sonnet 4.5",
		CreatedAt: time.Date(2025, 9, 29, 0, 0, 0, 0, time.UTC),
		Lifecycle: "deprecated", Line: "sonnet", MaxInputTokens: 200_000, MaxTokens: 64_000,
		DeprecatedAt: time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC),
		RetiresAt:    time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC),
		Capabilities: &ModelCapabilities{
			Batch: yes, Citations: yes, PDFInput: yes, StructuredOutputs: yes,
			ImageInput:  Support{Supported: true, Extra: Extra{"max": json.RawMessage("100")}},
			ServerTools: ServerToolSupport{Supported: true, WebSearch: yes, Extra: raw("1")},
			Thinking: ThinkingSupport{
				Supported: true, Extra: raw("3"),
				Types: ThinkingTypeSupport{Disabled: yes, Enabled: yes, Extra: raw("2")},
			},
			Effort:            EffortSupport{Supported: true, Low: yes, High: yes, Max: yes, Extra: raw("4")},
			ContextManagement: ContextManagementSupport{Supported: true, ClearThinking: yes, Compact: yes, Extra: raw("5")},
			Extra:             raw(`{"a":[6]}`),
		},
		Extra: raw("7"),
	}, m)

	data, err := json.Marshal(m)
	require.NoError(t, err)
	assert.Equal(t, modelJSON, string(data)) //nolint:testifylint // the order of members counts
}

func TestModelInfoOfNulls(t *testing.T) {
	const text = `{"id":"claude-new","type":"model","display_name":"New","line":null,"max_tokens":null,` +
		`"deprecated_at":null,"retires_at":null,"capabilities":null}`
	var m ModelInfo
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	assert.Equal(t, ModelInfo{ID: "claude-new", DisplayName: "New"}, m)

	data, err := json.Marshal(m)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":"claude-new","type":"model","display_name":"New","line":null}`, string(data))
}

func TestCapabilitiesMarshalAlone(t *testing.T) {
	var s Support
	require.NoError(t, json.Unmarshal([]byte(`{"supported":true}`), &s))
	for want, v := range map[string]any{
		`{"supported":true}`: s,
		`{"supported":true,"web_search":{"supported":false},"code_execution":{"supported":false}}`: ServerToolSupport{Supported: true},
	} {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(data))
	}
}

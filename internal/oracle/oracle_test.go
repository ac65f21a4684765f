package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/internal/sample"
)

// newer lists, by sample, what the schema of 2026-05-06 refuses although the API
// takes it. A line that is not needed any more fails the test, like a violation
// that has no line.
var newer = map[string][]string{
	// Members of the body.
	"speed":             {"speed is unknown"},
	"diagnostics":       {"diagnostics is unknown"},
	"diagnostics_first": {"diagnostics is unknown"},
	"container_skills":  {"container: no variant fits"}, // was a plain id
	"beta_members":      {"context_management is unknown", "mcp_servers is unknown"},

	// Values.
	"system_message":         {"messages/*/role: not one of the values"},
	"thinking_between_tools": {"thinking/type=between_tools is unknown"},

	// Blocks and their members.
	"image_file":                {"messages/*/content/*/source/type=file is unknown"},
	"document_file":             {"messages/*/content/*/source/type=file is unknown"},
	"image_transformations":     {"messages/*/content/*/transformations is unknown"},
	"tool_result_toolset":       {"messages/*/content/*/toolset_name is unknown"},
	"tool_result_browser_state": {"messages/*/content/*/content/*/type=browser_state is unknown"},
	"beta_block_member":         {"messages/*/content/*/emphasis is unknown"},
	"beta_blocks": {
		"messages/*/content/*/type=mcp_tool_result is unknown",
		"messages/*/content/*/type=mcp_tool_use is unknown",
	},

	// Tools and their members.
	"tool_code_execution_20260521": {"tools/*/type=code_execution_20260521 is unknown"},
	"tool_web_search_20":           {"tools/*/type=web_search_20260318 is unknown"},
	"tool_web_fetch_18":            {"tools/*/type=web_fetch_20260318 is unknown"},
	"tool_url_sources":             {"tools/*/url_sources is unknown"},
	"toolset_computer":             {"tools/*/type=computer_toolset_20260801 is unknown"},
	"toolset_browser":              {"tools/*/type=browser_toolset_20260801 is unknown"},
	"tool_unknown":                 {"tools/*/type=computer_20251124 is unknown"},
}

// newerAnswers does the same for answers. Answers that leave out what the schema
// promises are listed too: real servers do that.
var newerAnswers = map[string][]string{
	"sparse": {
		"container is missing", "content/*/citations is missing", "stop_details is missing", "stop_sequence is missing",
		"usage/cache_creation is missing", "usage/cache_creation_input_tokens is missing",
		"usage/cache_read_input_tokens is missing", "usage/inference_geo is missing",
		"usage/server_tool_use is missing", "usage/service_tier is missing",
	},
	"unknown_blocks": {
		"content/*/citations is missing",
		"content/*/type=hologram is unknown",
		"content/*/type=mcp_tool_use is unknown",
	},
	"unknown_members": {
		"container is missing", "content/*/caller is missing", "content/*/citations is missing", "stop_details is missing",
		"stop_reason: not one of the values",
		"usage/cache_creation is missing", "usage/inference_geo is missing",
		"usage/server_tool_use is missing", "usage/service_tier is missing",
	},
	"unknown_variants": {
		"content/*/citations/*/type=video_location is unknown",
		"content/*/content/type=web_fetch_result_v2 is unknown",
	},
}

// newerEchoes does the same for answers that are sent back.
var newerEchoes = map[string][]string{
	"toolset": {"messages/*/content/*/toolset_name is unknown"},
	"unknown_blocks": {
		"messages/*/content/*/type=hologram is unknown",
		"messages/*/content/*/type=mcp_tool_use is unknown",
	},
	"unknown_members": {
		"messages/*/content/*/mood is unknown",
		"messages/*/content/*/priority is unknown",
		"messages/*/content/*/tone is unknown",
	},
	"unknown_variants": {
		"messages/*/content/*/citations/*/type=video_location is unknown",
		"messages/*/content/*/content/abort_reason is unknown",
		"messages/*/content/*/content/type=web_fetch_result_v2 is unknown",
	},
}

// spec reads the document once.
var spec = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	path := os.Getenv("STEADFAST_SPEC")
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "spec", "anthropic-openapi.json")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	doc, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	return c, c.AddResource("spec.json", doc)
})

// schema returns a schema of the document, or skips the test.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c, err := spec()
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the OpenAPI document is not at hand (set STEADFAST_SPEC to its path): %v", err)
	}
	require.NoError(t, err)
	s, err := c.Compile("spec.json#/components/schemas/" + name)
	require.NoError(t, err)
	return s
}

// violations returns what is wrong with a body, sorted, each kind once.
func violations(t *testing.T, s *jsonschema.Schema, body []byte) []string {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err)
	err = s.Validate(instance)
	if err == nil {
		return nil
	}
	failure, ok := errors.AsType[*jsonschema.ValidationError](err)
	require.True(t, ok)
	found := make(map[string]bool)
	collect(failure, instance, found)
	require.NotEmpty(t, found, "%v", err)
	return slices.Sorted(maps.Keys(found))
}

// collect adds the violations below e. Of a union it follows the variant that
// the value means to be, which its type tells.
func collect(e *jsonschema.ValidationError, instance any, found map[string]bool) {
	place := render(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			found[render(append(slices.Clone(e.InstanceLocation), name))+" is unknown"] = true
		}
	case *kind.Required:
		for _, name := range k.Missing {
			found[render(append(slices.Clone(e.InstanceLocation), name))+" is missing"] = true
		}
	case *kind.Enum, *kind.Const:
		found[place+": not one of the values"] = true
	case *kind.OneOf, *kind.AnyOf:
		meant := false
		for _, variant := range e.Causes {
			if !another(variant, e.InstanceLocation) {
				meant = true
				collect(variant, instance, found)
			}
		}
		if !meant {
			if object, ok := at(instance, e.InstanceLocation).(map[string]any); ok && object["type"] != nil {
				found[fmt.Sprintf("%s/type=%v is unknown", place, object["type"])] = true
			} else {
				found[place+": no variant fits"] = true
			}
		}
	default:
		if len(e.Causes) == 0 {
			found[fmt.Sprintf("%s: %s", place, strings.Join(e.ErrorKind.KeywordPath(), "/"))] = true
		}
		for _, cause := range e.Causes {
			collect(cause, instance, found)
		}
	}
}

// another reports whether a variant of the union at location is for values of
// another JSON type, or with another "type".
func another(e *jsonschema.ValidationError, location []string) bool {
	switch e.ErrorKind.(type) {
	case *kind.Type:
		return slices.Equal(e.InstanceLocation, location)
	case *kind.Const, *kind.Enum:
		return slices.Equal(e.InstanceLocation, append(slices.Clone(location), "type"))
	case *kind.OneOf, *kind.AnyOf: // a union in the union: no variant of it may be meant
		return slices.Equal(e.InstanceLocation, location) && len(e.Causes) > 0 &&
			!slices.ContainsFunc(e.Causes, func(c *jsonschema.ValidationError) bool { return !another(c, location) }) ||
			slices.Equal(e.InstanceLocation, append(slices.Clone(location), "type"))
	}
	return slices.ContainsFunc(e.Causes, func(c *jsonschema.ValidationError) bool { return another(c, location) })
}

// render renders a location; every index is a star.
func render(location []string) string {
	parts := slices.Clone(location)
	for i, part := range parts {
		if _, err := strconv.Atoi(part); err == nil {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

// at returns the value at a location.
func at(v any, location []string) any {
	for _, part := range location {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil {
				return nil
			}
			v = x[i]
		}
	}
	return v
}

func TestEveryRequestPassesTheSchema(t *testing.T) {
	s := schema(t, "CreateMessageParams")
	requests := sample.Requests()
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		body, err := json.Marshal(requests[name])
		require.NoError(t, err)
		assert.Equal(t, newer[name], violations(t, s, body), "%s: %s", name, body)
	}
	for name := range newer {
		assert.Contains(t, requests, name, "the table names a sample that is gone")
	}
}

func TestEveryAnswerOfOursPassesTheSchema(t *testing.T) {
	s := schema(t, "Message")
	answers := sample.Responses()
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		assert.Equal(t, newerAnswers[name], violations(t, s, []byte(answers[name])), name)
	}
	for name := range newerAnswers {
		assert.Contains(t, answers, name, "the table names a sample that is gone")
	}
}

func TestEveryAnswerSentBackPassesTheSchema(t *testing.T) {
	s := schema(t, "CreateMessageParams")
	for name, body := range sample.Responses() {
		var r claude.Response
		require.NoError(t, json.Unmarshal([]byte(body), &r))
		next, err := json.Marshal(claude.Request{
			Model: "claude-opus-4-6", MaxTokens: 1,
			Messages: []claude.Message{claude.UserText("a"), r.Message, claude.UserText("b")},
		})
		require.NoError(t, err)
		assert.Equal(t, newerEchoes[name], violations(t, s, next), "%s: %s", name, next)
	}
}

func TestTheOracleRefusesWhatIsWrong(t *testing.T) {
	s := schema(t, "CreateMessageParams")
	for body, want := range map[string]string{
		`{"model":"m","max_tokens":1,"messages":[],"bogus":1}`:                                                                          "bogus is unknown",
		`{"model":"m","max_tokens":1,"messages":[],"temperature":3}`:                                                                    "temperature: maximum",
		`{"model":"m","messages":[]}`:                                                                                                   "max_tokens is missing",
		`{"model":"m","max_tokens":1,"messages":[{"role":"robot","content":"a"}]}`:                                                      "messages/*/role: not one of the values",
		`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"hologram"}]}]}`:                                     "messages/*/content/*/type=hologram is unknown",
		`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text"}]}]}`:                                         "messages/*/content/*/text is missing",
		`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":7}]}]}`:                                "messages/*/content/*/text: type",
		`{"model":"m","max_tokens":1,"messages":[],"tools":[{"name":"a b","input_schema":{"type":"object"}}]}`:                          "tools/*/name: pattern",
		`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"x"}}]}]}`: "messages/*/content/*/cache_control/type=x is unknown",
	} {
		assert.Contains(t, violations(t, s, []byte(body)), want, body)
	}
}

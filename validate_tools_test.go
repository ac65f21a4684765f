package claude

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// toolSchema is a tool with a schema.
func toolSchema(schema string) *CustomTool {
	return &CustomTool{Name: "t", InputSchema: json.RawMessage(schema)}
}

func strictTool(schema string) *CustomTool {
	t := toolSchema(schema)
	t.Strict = true
	return t
}

func namedTool(name string) *CustomTool {
	return &CustomTool{Name: name, InputSchema: map[string]any{"type": "object"}}
}

func toolRequest(tools ...Tool) Request {
	return Request{Model: "claude-of-tomorrow", MaxTokens: 10, Messages: []Message{UserText("hi")}, Tools: tools}
}

func choiceRequest(choice ToolChoice, tools ...Tool) Request {
	r := toolRequest(tools...)
	r.ToolChoice = &choice
	return r
}

func formatRequest(schema any) Request {
	r := toolRequest()
	r.OutputConfig = &OutputConfig{Format: &OutputFormat{Schema: schema}}
	return r
}

func forModel(model string, r Request) Request {
	r.Model = model
	return r
}

func strictTools(n int) []Tool {
	tools := make([]Tool, n)
	for i := range tools {
		t := strictTool(`{"type":"object","additionalProperties":false}`)
		t.Name += strconv.Itoa(i)
		tools[i] = t
	}
	return tools
}

func TestToolRules(t *testing.T) {
	const closed = `"additionalProperties":false`
	allOff := map[string]any{}
	for _, name := range computerMembers {
		allOff[name] = map[string]any{"enabled": false}
	}
	code := []string{"code_execution_20260120"}
	deferred := ToolOptions{DeferLoading: true}
	for _, test := range []struct {
		rule, path string
		r          Request
	}{
		{"R139", "tools[0]", toolRequest(nil)},
		{"R139", "tools[1]", toolRequest(namedTool("a"), (*BashTool)(nil))},
		{"R140", "tools[0].name", toolRequest(namedTool(""))},
		{"R141", "tools[0].name", toolRequest(namedTool("a b"))},
		{"R141", "tools[0].name", toolRequest(namedTool(strings.Repeat("a", 129)))},
		{"M141", "tools[0].name", toolRequest(namedTool(strings.Repeat("a", 65)))},
		{"R001", "tools[0].description", toolRequest(&CustomTool{Name: "a", Description: "\xff", InputSchema: json.RawMessage(`{"type":"object"}`)})},
		{"R142", "tools[1].name", toolRequest(namedTool("bash"), &BashTool{})},
		{"R142", "tools[1].name", toolRequest(namedTool("a"), &UnknownTool{Name: "a", Raw: json.RawMessage(`{"name":"a"}`)})},
		{"R143", "tools[0].input_schema", toolRequest(&CustomTool{Name: "a"})},
		{"R143", "tools[0].input_schema", toolRequest(&CustomTool{Name: "a", InputSchema: func() {}})},
		{"R143", "tools[0].input_schema", toolRequest(&CustomTool{Name: "a", InputSchema: json.RawMessage{}})},
		{"R143", "tools[0].input_schema", toolRequest(&CustomTool{Name: "a", InputSchema: "object"})},
		{"R143", "tools[0].input_schema", toolRequest(toolSchema(`{"type":`))},
		{"R143", "tools[0].input_schema", toolRequest(toolSchema(`[]`))},
		{"R143", "tools[0].input_schema", toolRequest(toolSchema(`null`))},
		{"R144", "tools[0].input_schema.type", toolRequest(toolSchema(`{}`))},
		{"R144", "tools[0].input_schema.type", toolRequest(toolSchema(`{"type":"string"}`))},
		{"R145", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","anyOf":[{}]}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","required":["a","a"]}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","required":true}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","properties":{"a":{"type":"String"}}}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","properties":{"a":{"type":["null","null"]}}}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","properties":{"a":{"items":[{}]}}}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","properties":{"a":"string"}}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","properties":[]}`))},
		{"R146", "tools[0].input_schema", toolRequest(toolSchema(`{"type":"object","$defs":{"a":{"exclusiveMinimum":true}}}`))},
		{"R147", "tools[0].input_schema.properties", toolRequest(toolSchema(`{"type":"object","properties":{"a b":{}}}`))},
		{"R149", "tool_choice.type", choiceRequest(ToolChoice{}, namedTool("a"))},
		{"R149", "tool_choice.type", choiceRequest(ToolChoice{Type: "required"}, namedTool("a"))},
		{"R150", "tool_choice.type", choiceRequest(ToolChoice{Type: ToolChoiceAny})},
		{"R151", "tool_choice.name", choiceRequest(ToolChoice{Type: ToolChoiceTool}, namedTool("a"))},
		{"R151", "tool_choice.name", choiceRequest(ToolChoice{Type: ToolChoiceTool, Name: "b"}, namedTool("a"))},
		{"R151", "tool_choice.name", choiceRequest(ToolChoice{Type: ToolChoiceTool, Name: "b"})},
		{"R152", "tool_choice.type", forModel("claude-sonnet-5-5", choiceRequest(ToolChoice{Type: ToolChoiceAny}, namedTool("a")))},
		{"R153", "tool_choice.name", choiceRequest(ToolChoice{Type: ToolChoiceTool, Name: "bash"}, &BashTool{ToolOptions: ToolOptions{AllowedCallers: code}})},
		{"R153", "tool_choice.name", choiceRequest(ToolChoice{Type: ToolChoiceTool, Name: "web_search"}, &WebSearchTool{Type: "web_search_20260209"})},
		{"R154", "tools", toolRequest(&BashTool{ToolOptions: deferred})},
		{"R154", "tools[0].defer_loading", toolRequest(&ToolSearchTool{ToolOptions: deferred}, namedTool("a"))},
		{"R155", "tools[0].input_examples", toolRequest(&WebFetchTool{Extra: Extra{"input_examples": []any{}}})},
		{"R156", "tools[0].input_schema", toolRequest(strictTool(`{"type":"object"}`))},
		{"R156", "tools[0].input_schema", toolRequest(strictTool(`{"type":"object",` + closed + `,"properties":{"a":{"items":{"type":"object","additionalProperties":true}}}}`))},
		{"R157", "tools", toolRequest(strictTools(21)...)},
		{"R158", "tools[0].allowed_callers", toolRequest(&BashTool{ToolOptions: ToolOptions{AllowedCallers: code, Strict: true}})},
		{"R158", "tools[0].allowed_callers", choiceRequest(ToolChoice{Type: ToolChoiceAuto, DisableParallelToolUse: true}, &BashTool{ToolOptions: ToolOptions{AllowedCallers: code}})},
		{"R158", "tools[0].allowed_callers", toolRequest(&CustomTool{Name: "a", InputSchema: json.RawMessage(`{"type":"object","properties":{"a":{"$ref":"#"}}}`), ToolOptions: ToolOptions{AllowedCallers: code}})},
		{"R159", "tools[0].type", toolRequest(&Toolset{})},
		{"R159", "tools[0].name", toolRequest(&Toolset{Type: ComputerToolset, Extra: Extra{"name": "x"}})},
		{"R159", "tools[0].configs", toolRequest(&Toolset{Type: ComputerToolset, Configs: map[string]any{"navigate": map[string]any{}}})},
		{"R159", "tools[0].configs.zoom", toolRequest(&Toolset{Type: ComputerToolset, Configs: json.RawMessage(`{"zoom":{"strict":true}}`)})},
		{"R159", "tools[0].configs.zoom", toolRequest(&Toolset{Type: BrowserToolset, Configs: json.RawMessage(`{"zoom":true}`)})},
		{"R159", "tools[0].configs", toolRequest(&Toolset{Type: ComputerToolset, Configs: allOff})},
		{"R159", "tools[0].configs", toolRequest(&Toolset{Type: ComputerToolset, Configs: json.RawMessage(`{"zoom":{"defer_loading":true},"key":{"defer_loading":false}}`)})},
		{"R159", "tools[0].configs", toolRequest(&Toolset{Type: ComputerToolset, Configs: func() {}})},
		{"R159", "tools[1]", toolRequest(&Toolset{Type: BrowserToolset}, &Toolset{Type: BrowserToolset})},
		{"R159", "tools[0].name", toolRequest(namedTool("browser"), &Toolset{Type: BrowserToolset})},
		{"R162", "tools[0].blocked_domains", toolRequest(&WebSearchTool{AllowedDomains: []string{"a.com"}, BlockedDomains: []string{"b.com"}})},
		{"R163", "tools[0].allowed_domains[1]", toolRequest(&WebFetchTool{AllowedDomains: []string{"a.com/*", "https://b.com"}})},
		{"R163", "tools[0].blocked_domains[0]", toolRequest(&WebFetchTool{BlockedDomains: []string{"*.b.com"}})},
		{"R163", "tools[0].blocked_domains[0]", toolRequest(&WebFetchTool{BlockedDomains: []string{""}})},
		{"R164", "tools[0].user_location.country", toolRequest(&WebSearchTool{UserLocation: &UserLocation{Country: "France"}})},
		{"R165", "tools[0].allowed_callers", forModel("claude-sonnet-5-5", toolRequest(&WebSearchTool{Type: "web_search_20260209", ToolOptions: ToolOptions{AllowedCallers: []string{"code_execution_20250825"}}}))},
		{"R138", "tools[1].cache_control", toolRequest(namedTool("a"), &BashTool{ToolOptions: ToolOptions{DeferLoading: true, CacheControl: &CacheControl{}}})},
		{"R168", "output_config.format.schema", formatRequest(nil)},
		{"R168", "output_config.format.schema", formatRequest("x")},
		{"R168", "output_config.format.schema", formatRequest(func() {})},
		{"R169", "output_config.format.schema", formatRequest(json.RawMessage(`{"type":"object"}`))},
		{"R170", "output_config.format.schema", formatRequest(map[string]any{"type": "integer", "minimum": 1})},
		{"R170", "output_config.format.schema", formatRequest(json.RawMessage(`{"type":"array","minItems":2}`))},
		{"R170", "output_config.format.schema", formatRequest(json.RawMessage(`{"$ref":"https://example.com/schema"}`))},
		{"R170", "output_config.format.schema", formatRequest(json.RawMessage(`{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"items":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"}`))},
		{"R170", "tools[0].input_schema", toolRequest(strictTool(`{"type":"object",` + closed + `,"properties":{"a":{"type":"string","maxLength":3}}}`))},
	} {
		assertOnly(t, test.rule, test.path, test.r)
	}
}

// assertOnly asserts that a request has one problem.
func assertOnly(t *testing.T, rule, path string, r Request) {
	t.Helper()
	problems := Check(r, Version20261021)
	if assert.Len(t, problems, 1, "%s at %s", rule, path) {
		assert.Equal(t, [2]string{rule, path}, [2]string{problems[0].Rule, problems[0].Path}, "%s", problems[0])
		assert.NotEmpty(t, problems[0].Message)
		assert.NotEmpty(t, problems[0].Fix)
	}
}

func TestToolsWithoutProblems(t *testing.T) {
	for _, r := range []Request{
		toolRequest(namedTool("a"), &BashTool{}, &WebSearchTool{Type: "web_search_20260318"}, &CodeExecutionTool{}, &Toolset{Type: ComputerToolset}),
		toolRequest(&UnknownTool{Type: "new_2027", Raw: json.RawMessage(`{"type":"new_2027"}`)}),
		toolRequest(&ToolSearchTool{}, &BashTool{ToolOptions: ToolOptions{DeferLoading: true}}),
		toolRequest(toolSchema(`{"type":"object","properties":{"type":{"type":["string","null"]},"n":{"minimum":1e999},"b":true},"required":["n"]}`)),
		toolRequest(toolSchema(`{"type":"object","$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"}}}},"properties":{"n":{"$ref":"#/$defs/n"}}}`)),
		choiceRequest(ToolChoice{Type: ToolChoiceTool, Name: "x"}, &UnknownTool{Type: "mcp_toolset", Raw: json.RawMessage(`{}`)}),
		choiceRequest(ToolChoice{Type: ToolChoiceTool, Name: "b"}, namedTool("a"), namedTool("b")),
		choiceRequest(ToolChoice{Type: ToolChoiceNone}),
		formatRequest(json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"a":{"$ref":"#/$defs/s"},"b":{"$ref":"#/$defs/s"}},"$defs":{"s":{"type":"string","enum":["x"]}}}`)),
	} {
		assert.Empty(t, Check(r, Version20261021))
	}
}

func TestMessagesNameThePlace(t *testing.T) {
	r := toolRequest(strictTool(`{"type":"object","additionalProperties":false,"properties":{"a\nb":{"type":"object"},"c":{"items":{"type":"object"}}}}`))
	problems := Check(r, Version20261021)
	require.NotEmpty(t, problems)
	for _, p := range problems {
		assert.NotContains(t, p.String(), "\n")
	}
	last := problems[len(problems)-1]
	assert.Equal(t, "R156", last.Rule)
	assert.Contains(t, last.Message, `properties."a?b" and 1 more`)
}

func pictures(t *testing.T, w, h int) map[string][]byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, w, h))
	var p, j, g bytes.Buffer
	require.NoError(t, png.Encode(&p, m))
	require.NoError(t, jpeg.Encode(&j, m, nil))
	require.NoError(t, gif.Encode(&g, m, nil))
	webp := func(kind string, chunk []byte) []byte {
		data := []byte("RIFF\x00\x00\x00\x00WEBP" + kind + "\x00\x00\x00\x00")
		return append(append(data, chunk...), make([]byte, 8)...)
	}
	le := binary.LittleEndian
	lossy := append([]byte{0, 0, 0, 0x9d, 1, 0x2a}, le.AppendUint16(le.AppendUint16(nil, uint16(w)), uint16(h))...)
	lossless := le.AppendUint32([]byte{0x2f}, uint32(w-1)|uint32(h-1)<<14)
	extended := append(append([]byte{0, 0, 0, 0}, le.AppendUint32(nil, uint32(w-1))[:3]...), le.AppendUint32(nil, uint32(h-1))[:3]...)
	exif := append([]byte("\xff\xd8\xff\xe1\xff\xff"), make([]byte, 0xfffd)...)
	return map[string][]byte{
		"image/png": p.Bytes(), "image/jpeg": j.Bytes(), "image/gif": g.Bytes(), "image/jpeg#exif": append(exif, j.Bytes()[2:]...),
		"image/webp#lossy": webp("VP8 ", lossy), "image/webp#lossless": webp("VP8L", lossless), "image/webp#extended": webp("VP8X", extended),
	}
}

func mediaRequest(b Block) Request {
	r := toolRequest()
	r.Messages = []Message{User(b)}
	return r
}

func TestImageSize(t *testing.T) {
	for name, data := range pictures(t, 8001, 3) {
		typ, _, _ := strings.Cut(name, "#")
		s := base64Text(base64.StdEncoding.EncodeToString(data))
		assert.Equal(t, typ, s.imageType(), name)
		w, h := s.imageSize(typ)
		assert.Equal(t, [2]int{8001, 3}, [2]int{w, h}, name)
		assertOnly(t, "R088", "messages[0].content[0].source", mediaRequest(Image(typ, data)))
		for n := range min(len(data), 100) { // cut anywhere
			s := base64Text(base64.StdEncoding.EncodeToString(data[:n]))
			s.imageSize(typ)
			s.imageSize(s.imageType())
		}
	}
	for name, data := range pictures(t, 8000, 2) {
		typ, _, _ := strings.Cut(name, "#")
		assert.Empty(t, Check(mediaRequest(Image(typ, data)), Version20261021), name)
	}
}

func TestMediaRules(t *testing.T) {
	const at = "messages[0].content[0].source"
	dot := pictures(t, 1, 1)["image/png"]
	raw := func(typ, data string) *ImageBlock {
		return &ImageBlock{Source: &Source{Type: SourceBase64, MediaType: typ, Data: data}}
	}
	text := base64.StdEncoding.EncodeToString(dot)
	for _, test := range []struct {
		rule, path string
		block      Block
	}{
		{"R076", at, &ImageBlock{}},
		{"R076", at, &DocumentBlock{}},
		{"R076", at + ".type", &ImageBlock{Source: &Source{}}},
		{"R082", at + ".media_type", Image("image/bmp", dot)},
		{"R083", at + ".media_type", Image("image/jpeg", dot)},
		{"R083", at + ".media_type", Image("image/png", []byte("no picture"))},
		{"R084", at + ".data", raw("image/png", "data:image/png;base64,"+text)},
		{"R084", at + ".data", raw("image/png", text[:20]+"\n"+text[20:])},
		{"R084", at + ".data", raw("image/png", "____"+text)},
		{"R084", at + ".data", raw("image/png", "AAA")},
		{"R084", at + ".data", raw("image/png", "=")},
		{"R084", at + ".data", raw("image/png", "A===")},
		{"R084", at + ".data", raw("image/png", "AA==AAAA")},
		{"R084", at + ".data", raw("image/png", "ÄÖÜ!")},
		{"R085", at + ".data", raw("image/png", "")},
		{"R085", at + ".data", PDF(nil)},
		{"R086", at + ".data", Image("image/png", append(dot, make([]byte, 8<<20)...))},
		{"R093", at + ".url", &ImageBlock{Source: URLSource("http://example.com/a.png")}},
		{"R093", at + ".url", &ImageBlock{Source: URLSource("https:///a.png")}},
		{"R093", at + ".url", &DocumentBlock{Source: URLSource("https://example.com/a b")}},
		{"R093", at + ".url", &DocumentBlock{Source: URLSource("")}},
		{"R094", at + ".media_type", &DocumentBlock{Source: Base64Source("text/plain", []byte("hi"))}},
		{"R095", at + ".data", PDF([]byte("hi"))},
		{"R001", at + ".data", &DocumentBlock{Source: TextSource("\xff")}},
	} {
		assertOnly(t, test.rule, test.path, mediaRequest(test.block))
	}
	for _, b := range []Block{
		PDF([]byte("%PDF-1.7")), &ImageBlock{Source: URLSource("HTTPS://example.com/a.png")}, &ImageBlock{Source: FileSource("file_1")},
		&DocumentBlock{Source: TextSource("hi")},
	} {
		assert.Empty(t, Check(mediaRequest(b), Version20261021))
	}
}

func TestBase64ProblemAgreesWithTheDecoder(t *testing.T) {
	for _, s := range []string{"AAAA", "AAA=", "AA==", "A===", "====", "AAAAA", "AAAAAAA=", "AAAAAAAAAAA=", "AA=A", "AAAA=", "AAAA==", "AAAAAAAA AAA", "+/+/+/+/+/+/"} {
		_, err := base64.StdEncoding.DecodeString(s)
		assert.Equal(t, err == nil, base64Problem(s) == "", s)
	}
}

func TestLargeImageAllocatesNothing(t *testing.T) {
	b := Image("image/png", append(pictures(t, 1, 1)["image/png"], make([]byte, 6<<20)...))
	c := &checker{r: &Request{}}
	assert.Zero(t, testing.AllocsPerRun(3, func() { c.checkImage(b, "p") }))
	assert.Empty(t, c.problems)
}

func BenchmarkBase64Problem(b *testing.B) {
	s := strings.Repeat("A", 8<<20)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		base64Problem(s)
	}
}

package claude

import "encoding/json"

// A Tool is something the model may call: one of your own, a [*CustomTool], or
// one that Anthropic defines. An [*UnknownTool] carries any other definition.
//
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
type Tool interface {
	object
	toolName() string // the name it is called by; empty if it has none
}

// tools describes the array of tools.
func tools(f *fields, name string, p *[]Tool) {
	if f.enc == nil {
		if f.mine(name, optional) {
			*p = nil
			f.array(func(int) {
				if t := f.decodeTool(); t != nil {
					*p = append(*p, t)
				}
			})
			f.done()
		}
		return
	}
	if len(*p) == 0 {
		return
	}
	f.enc.Key(name)
	f.enc.Open('[')
	for i, t := range *p {
		if f.enc.Err() != nil {
			break
		}
		if isNil(t) {
			f.enc.Fail(&ConfigError{Field: index("tools", i), Problem: "is nil"})
			f.enc.Null()
		} else if u, ok := t.(*UnknownTool); ok {
			if len(u.Raw) == 0 {
				f.enc.Fail(&ConfigError{Field: index("tools", i), Problem: "is an UnknownTool without Raw"})
			}
			f.enc.Raw(u.Raw)
		} else {
			f.encode(t)
		}
	}
	f.enc.Close(']')
}

func (f *fields) decodeTool() Tool {
	if f.dec.Kind() != '{' {
		f.dec.BeginObject() // fails, and says why
		if f.shape != nil {
			return new(UnknownTool) // keeps the place, so that those behind it keep theirs
		}
		return nil
	}
	t := newTool(f.dec.PeekString("type"))
	if u, ok := t.(*UnknownTool); ok {
		u.Name = f.dec.PeekString("name")
		u.Raw = json.RawMessage(f.dec.Raw())
		return u
	}
	f.decode(t)
	return t
}

// newTool makes an empty tool of a wire type.
func newTool(typ string) Tool {
	switch typ {
	case "", "custom":
		return new(CustomTool)
	case "bash_20250124":
		return new(BashTool)
	case "text_editor_20250124", "text_editor_20250429", "text_editor_20250728":
		return new(TextEditorTool)
	case "memory_20250818":
		return new(MemoryTool)
	case "computer_toolset_20260801", "browser_toolset_20260801":
		return new(Toolset)
	case "code_execution_20250522", "code_execution_20250825", "code_execution_20260120", "code_execution_20260521":
		return new(CodeExecutionTool)
	case "web_search_20250305", "web_search_20260209", "web_search_20260318":
		return new(WebSearchTool)
	case "web_fetch_20250910", "web_fetch_20260209", "web_fetch_20260309", "web_fetch_20260318":
		return new(WebFetchTool)
	case "tool_search_tool_regex_20251119", "tool_search_tool_regex",
		"tool_search_tool_bm25_20251119", "tool_search_tool_bm25":
		return new(ToolSearchTool)
	}
	return &UnknownTool{Type: typ}
}

// ToolOptions are what most tools have in common.
type ToolOptions struct {
	CacheControl   *CacheControl
	AllowedCallers []string // "direct" and versions of code execution; empty means the tool's own default
	DeferLoading   bool     // load the tool only when a tool search finds it
	Strict         bool     // guarantee that inputs match the schema
}

// options finds the options of any tool that has them.
func (o *ToolOptions) options() *ToolOptions { return o }

func (o *ToolOptions) fields(f *fields) {
	sub(f, "cache_control", &o.CacheControl)
	texts(f, "allowed_callers", &o.AllowedCallers)
	flag(f, "defer_loading", &o.DeferLoading, optional)
	flag(f, "strict", &o.Strict, optional)
}

// CustomTool is a tool of your own.
//
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools
type CustomTool struct {
	Name                string // letters, digits, _ and -, at most 128
	Description         string // what it does and when to use it; the more the better
	InputSchema         any    // a JSON Schema of type object: a json.RawMessage, a map, or anything that marshals to one
	InputExamples       any    // an array of objects that satisfy the schema
	EagerInputStreaming *bool  // stream the input as it is written; it may then be invalid JSON
	ToolOptions
	Extra Extra
}

func (t *CustomTool) toolName() string { return t.Name }

func (t *CustomTool) fields(f *fields) {
	f.typeTag()
	text(f, "name", &t.Name, required)
	text(f, "description", &t.Description, optional)
	value(f, "input_schema", &t.InputSchema, required)
	value(f, "input_examples", &t.InputExamples, optional)
	scalar(f, "eager_input_streaming", &t.EagerInputStreaming)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// toolType describes the members type and name of a tool that Anthropic defines.
func toolType(f *fields, typ *string, fallback, name string, extra Extra) {
	if f.enc != nil && *typ == "" {
		f.constant("type", fallback, nil)
	} else {
		text(f, "type", typ, required)
	}
	if name != "" {
		f.constant("name", name, extra)
	}
}

// BashTool lets the model run shell commands that you execute.
type BashTool struct {
	Type          string // empty means "bash_20250124"
	InputExamples any
	ToolOptions
	Extra Extra
}

func (t *BashTool) toolName() string { return "bash" }

func (t *BashTool) fields(f *fields) {
	toolType(f, &t.Type, "bash_20250124", t.toolName(), t.Extra)
	value(f, "input_examples", &t.InputExamples, optional)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// TextEditorTool lets the model view and edit files through you.
type TextEditorTool struct {
	Type          string // empty means "text_editor_20250728"
	MaxCharacters int    // of a file that is viewed; 20250728 only; 0 means no limit
	InputExamples any
	ToolOptions
	Extra Extra
}

func (t *TextEditorTool) toolName() string {
	if t.Type == "text_editor_20250124" {
		return "str_replace_editor"
	}
	return "str_replace_based_edit_tool"
}

func (t *TextEditorTool) fields(f *fields) {
	toolType(f, &t.Type, "text_editor_20250728", t.toolName(), t.Extra)
	number(f, "max_characters", &t.MaxCharacters, optional)
	value(f, "input_examples", &t.InputExamples, optional)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// MemoryTool lets the model keep notes that you store.
type MemoryTool struct {
	Type          string // empty means "memory_20250818"
	InputExamples any
	ToolOptions
	Extra Extra
}

func (t *MemoryTool) toolName() string { return "memory" }

func (t *MemoryTool) fields(f *fields) {
	toolType(f, &t.Type, "memory_20250818", t.toolName(), t.Extra)
	value(f, "input_examples", &t.InputExamples, optional)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// The toolsets.
const (
	ComputerToolset = "computer_toolset_20260801"
	BrowserToolset  = "browser_toolset_20260801"
)

// Toolset lets the model use a computer or a browser through you. A call of one
// of its members arrives as a [*ToolUseBlock] with a ToolsetName.
type Toolset struct {
	Type         string // [ComputerToolset] or [BrowserToolset]
	Configs      any    // {"member": {"enabled": bool, "defer_loading": bool}}
	CacheControl *CacheControl
	Extra        Extra
}

func (t *Toolset) toolName() string { return "" }

func (t *Toolset) fields(f *fields) {
	text(f, "type", &t.Type, required)
	value(f, "configs", &t.Configs, optional)
	sub(f, "cache_control", &t.CacheControl)
	f.rest(&t.Extra)
}

// CodeExecutionTool lets the model run code on the provider's side.
type CodeExecutionTool struct {
	Type string // empty means "code_execution_20250825"
	ToolOptions
	Extra Extra
}

func (t *CodeExecutionTool) toolName() string { return "code_execution" }

func (t *CodeExecutionTool) fields(f *fields) {
	toolType(f, &t.Type, "code_execution_20250825", t.toolName(), t.Extra)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// WebSearchTool lets the model search the web on the provider's side. Versions
// from 20260209 on are called through code execution unless AllowedCallers says
// otherwise.
type WebSearchTool struct {
	Type              string   // empty means "web_search_20250305"
	MaxUses           int      // 0 means no limit
	AllowedDomains    []string // bare names; not together with BlockedDomains
	BlockedDomains    []string
	UserLocation      *UserLocation
	ResponseInclusion string // "full" or "excluded"; from 20260318 on
	ToolOptions
	Extra Extra
}

func (t *WebSearchTool) toolName() string { return "web_search" }

func (t *WebSearchTool) fields(f *fields) {
	toolType(f, &t.Type, "web_search_20250305", t.toolName(), t.Extra)
	number(f, "max_uses", &t.MaxUses, optional)
	texts(f, "allowed_domains", &t.AllowedDomains)
	texts(f, "blocked_domains", &t.BlockedDomains)
	sub(f, "user_location", &t.UserLocation)
	text(f, "response_inclusion", &t.ResponseInclusion, optional)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// UserLocation makes search results local.
type UserLocation struct {
	City     string
	Region   string
	Country  string // two letters, ISO 3166-1
	Timezone string // IANA, such as "Europe/Paris"
	Extra    Extra
}

func (l *UserLocation) fields(f *fields) {
	f.constant("type", "approximate", l.Extra)
	text(f, "city", &l.City, optional)
	text(f, "region", &l.Region, optional)
	text(f, "country", &l.Country, optional)
	text(f, "timezone", &l.Timezone, optional)
	f.rest(&l.Extra)
}

// WebFetchTool lets the model fetch web pages on the provider's side.
type WebFetchTool struct {
	Type              string // empty means "web_fetch_20250910"
	MaxUses           int    // 0 means no limit
	AllowedDomains    []string
	BlockedDomains    []string
	Citations         *CitationsConfig
	MaxContentTokens  int    // of a page; 0 means no limit
	URLSources        any    // which URLs may be fetched
	UseCache          *bool  // from 20260309 on
	ResponseInclusion string // "full" or "excluded"; from 20260318 on
	ToolOptions
	Extra Extra
}

func (t *WebFetchTool) toolName() string { return "web_fetch" }

func (t *WebFetchTool) fields(f *fields) {
	toolType(f, &t.Type, "web_fetch_20250910", t.toolName(), t.Extra)
	number(f, "max_uses", &t.MaxUses, optional)
	texts(f, "allowed_domains", &t.AllowedDomains)
	texts(f, "blocked_domains", &t.BlockedDomains)
	sub(f, "citations", &t.Citations)
	number(f, "max_content_tokens", &t.MaxContentTokens, optional)
	value(f, "url_sources", &t.URLSources, optional)
	scalar(f, "use_cache", &t.UseCache)
	text(f, "response_inclusion", &t.ResponseInclusion, optional)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// The tool search tools.
const (
	ToolSearchRegex = "tool_search_tool_regex_20251119"
	ToolSearchBM25  = "tool_search_tool_bm25_20251119"
)

// ToolSearchTool lets the model find tools whose loading is deferred.
type ToolSearchTool struct {
	Type string // empty means [ToolSearchRegex]
	ToolOptions
	Extra Extra
}

func (t *ToolSearchTool) toolName() string {
	if t.Type == ToolSearchBM25 || t.Type == "tool_search_tool_bm25" {
		return "tool_search_tool_bm25"
	}
	return "tool_search_tool_regex"
}

func (t *ToolSearchTool) fields(f *fields) {
	toolType(f, &t.Type, ToolSearchRegex, t.toolName(), t.Extra)
	t.ToolOptions.fields(f)
	f.rest(&t.Extra)
}

// UnknownTool is a tool definition this package has no type for. Raw is sent as
// it is.
type UnknownTool struct {
	Type string
	Name string
	Raw  json.RawMessage // the whole definition
}

func (t *UnknownTool) toolName() string { return t.Name }

func (t *UnknownTool) fields(*fields) {}

// ToolChoiceType says how free the model is to use tools.
type ToolChoiceType string

// The tool choices.
const (
	ToolChoiceAuto ToolChoiceType = "auto" // the model decides; the default
	ToolChoiceAny  ToolChoiceType = "any"  // some tool
	ToolChoiceTool ToolChoiceType = "tool" // the named tool
	ToolChoiceNone ToolChoiceType = "none" // no tool
)

// ToolChoice says how free the model is to use tools.
type ToolChoice struct {
	Type                   ToolChoiceType
	Name                   string // for ToolChoiceTool
	DisableParallelToolUse bool   // at most one call in an answer
	Extra                  Extra
}

func (c *ToolChoice) fields(f *fields) {
	text(f, "type", &c.Type, required)
	text(f, "name", &c.Name, c.Type == ToolChoiceTool)
	flag(f, "disable_parallel_tool_use", &c.DisableParallelToolUse, optional)
	f.rest(&c.Extra)
}

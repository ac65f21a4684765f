package claude

import "time"

// The models. Those with a date in their id also have an alias without it, which
// an answer resolves to the id. [ModelService.List] tells which models there are
// today; any other id can be used as well.
const (
	ModelOpus5_5   = "claude-opus-5-5"   // active; served until 2027-09-22 at least
	ModelSonnet5_5 = "claude-sonnet-5-5" // active; served until 2027-09-28 at least
	ModelHaiku5_5  = "claude-haiku-5-5"  // active; served until 2027-10-07 at least

	ModelFable5_2  = "claude-fable-5-2"  // active; added 2026-11-09
	ModelMythos5_2 = "claude-mythos-5-2" // active; added 2026-11-09
	ModelFable5_1  = "claude-fable-5-1"  // active; served until 2027-09-01 at least
	ModelMythos5_1 = "claude-mythos-5-1" // active; served until 2027-09-01 at least
	ModelFable5    = "claude-fable-5"    // active; served until 2027-06-09 at least
	ModelMythos5   = "claude-mythos-5"   // active; served until 2027-06-09 at least

	ModelOpus5     = "claude-opus-5"     // active; served until 2027-07-24 at least
	ModelOpus4_8   = "claude-opus-4-8"   // active; served until 2027-05-28 at least
	ModelOpus4_7   = "claude-opus-4-7"   // active; served until 2027-04-16 at least
	ModelOpus4_6   = "claude-opus-4-6"   // active; served until 2027-02-05 at least
	ModelSonnet5   = "claude-sonnet-5"   // active; served until 2027-06-30 at least
	ModelSonnet4_6 = "claude-sonnet-4-6" // active; served until 2027-02-17 at least

	ModelOpus4_5            = "claude-opus-4-5"            // alias of ModelOpus4_5_20251101
	ModelOpus4_5_20251101   = "claude-opus-4-5-20251101"   // active; may retire from 2026-11-24 on
	ModelSonnet4_5          = "claude-sonnet-4-5"          // alias of ModelSonnet4_5_20250929
	ModelSonnet4_5_20250929 = "claude-sonnet-4-5-20250929" // deprecated; retires 2026-11-30: use ModelSonnet5_5
	ModelHaiku4_5           = "claude-haiku-4-5"           // alias of ModelHaiku4_5_20251001
	ModelHaiku4_5_20251001  = "claude-haiku-4-5-20251001"  // active; may retire from 2026-10-15 on

	ModelMythosPreview = "claude-mythos-preview" // deprecated since 2026-06-09; its end of life was announced for 2026-06-30
)

// modelFacts is what validation knows about a model. A zero value accepts
// everything: what is not certain stays unknown.
type modelFacts struct {
	maxTokens int // most max_tokens; 0 means unknown
	context   int // tokens of the context window; 0 means unknown

	thinking string // accepted kinds: A adaptive, E enabled, D disabled, B between_tools; "" means unknown
	efforts  string // accepted levels, separated by spaces; "none" if effort is refused, "" means unknown
	// disabledNotAboveHigh: disabled thinking does not go with effort xhigh and max.
	disabledNotAboveHigh bool

	forcedTool      bool // accepts tool_choice any and tool
	forcedToolKnown bool // whether forcedTool is known
	sampling        samplingRule
	noPrefill       bool // refuses a trailing assistant message
	noGeo           bool // refuses inference_geo
	images          int  // most images in a request; 0 means unknown

	deprecated string // since when; "" means it is not
	retired    string // since when it is no longer served; "" means it is served
	successor  string // set when deprecated or retired
}

// samplingRule says what a model accepts of temperature, top_p and top_k under
// version 2023-06-01.
type samplingRule int

const (
	samplingUnknown  samplingRule = iota
	samplingFree                  // any
	samplingOneOf                 // not both temperature and top_p
	samplingDefaults              // the defaults only
	samplingHaiku55               // temperature 1 or top_p 0.99, no top_k
)

const (
	allEfforts   = "low medium high xhigh max"
	noXHigh      = "low medium high max"
	upToHigh     = "low medium high"
	million      = 1_000_000
	wideImages   = 600 // of models with a context of a million tokens
	narrowImages = 100 // of models with a context of 200,000 tokens
)

// models holds the facts by id, for models that are served. It is never written.
var models = map[string]*modelFacts{
	// Nothing else about 5.2 is confirmed yet.
	ModelFable5_2:  {sampling: samplingDefaults, noPrefill: true},
	ModelMythos5_2: {sampling: samplingDefaults, noPrefill: true},

	ModelFable5_1:  {maxTokens: 128_000, context: million, thinking: "A", efforts: allEfforts, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelMythos5_1: {maxTokens: 128_000, context: million, thinking: "A", efforts: allEfforts, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelFable5:    {maxTokens: 128_000, context: million, thinking: "A", efforts: allEfforts, forcedTool: true, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelMythos5:   {maxTokens: 128_000, context: million, thinking: "A", efforts: allEfforts, forcedTool: true, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},

	ModelOpus5_5: {maxTokens: 128_000, context: million, thinking: "A", efforts: allEfforts, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelOpus5:   {maxTokens: 128_000, context: million, thinking: "AD", efforts: allEfforts, disabledNotAboveHigh: true, forcedTool: true, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelOpus4_8: {maxTokens: 128_000, context: million, thinking: "AD", efforts: allEfforts, forcedTool: true, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelOpus4_7: {maxTokens: 128_000, context: million, thinking: "AD", efforts: allEfforts, forcedTool: true, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelOpus4_6: {maxTokens: 128_000, context: million, thinking: "AED", efforts: noXHigh, forcedTool: true, forcedToolKnown: true, sampling: samplingFree, noPrefill: true, images: wideImages},

	ModelSonnet5_5: {maxTokens: 128_000, context: million, thinking: "AB", efforts: allEfforts, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelSonnet5:   {maxTokens: 128_000, context: million, thinking: "AD", efforts: allEfforts, forcedTool: true, forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, images: wideImages},
	ModelSonnet4_6: {maxTokens: 128_000, context: million, thinking: "AED", efforts: noXHigh, forcedTool: true, forcedToolKnown: true, sampling: samplingFree, noPrefill: true, images: wideImages},

	ModelHaiku5_5: {maxTokens: 128_000, context: million, thinking: "AD", efforts: allEfforts, disabledNotAboveHigh: true, forcedTool: true, forcedToolKnown: true, sampling: samplingHaiku55, noPrefill: true, images: wideImages},

	ModelOpus4_5_20251101:   {context: 200_000, thinking: "ED", efforts: upToHigh, forcedTool: true, forcedToolKnown: true, sampling: samplingFree, noGeo: true, images: narrowImages},
	ModelSonnet4_5_20250929: {context: 200_000, thinking: "ED", efforts: "none", forcedTool: true, forcedToolKnown: true, sampling: samplingOneOf, noGeo: true, images: narrowImages, deprecated: "2026-09-30", successor: ModelSonnet5_5},
	ModelHaiku4_5_20251001:  {maxTokens: 64_000, context: 200_000, thinking: "ED", efforts: "none", forcedTool: true, forcedToolKnown: true, sampling: samplingOneOf, noGeo: true, images: narrowImages},

	ModelMythosPreview: {thinking: "AE", forcedToolKnown: true, sampling: samplingDefaults, noPrefill: true, deprecated: "2026-06-09", successor: ModelMythos5_1},

	"claude-opus-4-1-20250805":   {noGeo: true, retired: "2026-08-05", successor: ModelOpus5_5},
	"claude-opus-4-20250514":     {noGeo: true, retired: "2026-06-15", successor: ModelOpus5_5},
	"claude-sonnet-4-20250514":   {noGeo: true, retired: "2026-06-15", successor: ModelSonnet5_5},
	"claude-3-haiku-20240307":    {noGeo: true, retired: "2026-04-20", successor: ModelHaiku5_5},
	"claude-3-7-sonnet-20250219": {noGeo: true, retired: "2026-02-19", successor: ModelSonnet5_5},
	"claude-3-5-haiku-20241022":  {noGeo: true, retired: "2026-02-19", successor: ModelHaiku5_5},
	"claude-3-opus-20240229":     {noGeo: true, retired: "2026-01-05", successor: ModelOpus5_5},
	"claude-3-5-sonnet-20241022": {noGeo: true, retired: "2025-10-28", successor: ModelSonnet5_5},
	"claude-3-5-sonnet-20240620": {noGeo: true, retired: "2025-10-28", successor: ModelSonnet5_5},
}

// lookupModel returns the facts about a model, given its id or an alias, or nil
// for a model it does not know. The facts are shared: do not write to them.
func lookupModel(id string) *modelFacts {
	switch id {
	case ModelOpus4_5:
		id = ModelOpus4_5_20251101
	case ModelSonnet4_5:
		id = ModelSonnet4_5_20250929
	case ModelHaiku4_5:
		id = ModelHaiku4_5_20251001
	case "claude-opus-4-1":
		id = "claude-opus-4-1-20250805"
	case "claude-opus-4", "claude-opus-4-0":
		id = "claude-opus-4-20250514"
	case "claude-sonnet-4", "claude-sonnet-4-0":
		id = "claude-sonnet-4-20250514"
	case "claude-3-haiku", "claude-3-haiku-latest":
		id = "claude-3-haiku-20240307"
	case "claude-3-7-sonnet", "claude-3-7-sonnet-latest":
		id = "claude-3-7-sonnet-20250219"
	case "claude-3-5-haiku", "claude-3-5-haiku-latest":
		id = "claude-3-5-haiku-20241022"
	case "claude-3-opus", "claude-3-opus-latest":
		id = "claude-3-opus-20240229"
	case "claude-3-5-sonnet", "claude-3-5-sonnet-latest":
		id = "claude-3-5-sonnet-20241022"
	}
	return models[id]
}

// ModelInfo is what the API says of a model.
type ModelInfo struct {
	ID             string
	DisplayName    string
	CreatedAt      time.Time
	Lifecycle      string             // "active", "deprecated" or "retired"
	Line           string             // "haiku", "sonnet", "opus", "fable" or "mythos"; empty if the model is of none
	MaxInputTokens int                // the context window; 0 means the API does not say
	MaxTokens      int                // the most Request.MaxTokens may be; 0 means the API does not say
	DeprecatedAt   time.Time          // zero means no date is set
	RetiresAt      time.Time          // zero means no date is set
	Capabilities   *ModelCapabilities // nil means the API does not say
	Extra          Extra
}

func (m *ModelInfo) fields(f *fields) {
	text(f, "id", &m.ID, required)
	f.constant("type", "model", m.Extra)
	text(f, "display_name", &m.DisplayName, required)
	instant(f, "created_at", &m.CreatedAt)
	text(f, "lifecycle", &m.Lifecycle, optional)
	textNullable(f, "line", &m.Line)
	number(f, "max_input_tokens", &m.MaxInputTokens, optional)
	number(f, "max_tokens", &m.MaxTokens, optional)
	instant(f, "deprecated_at", &m.DeprecatedAt)
	instant(f, "retires_at", &m.RetiresAt)
	sub(f, "capabilities", &m.Capabilities)
	f.rest(&m.Extra)
}

// ModelCapabilities is what a model can do. What the API leaves out reads as not
// supported.
type ModelCapabilities struct {
	Batch             Support
	Citations         Support
	CodeExecution     Support
	ImageInput        Support
	PDFInput          Support
	StructuredOutputs Support
	ServerTools       ServerToolSupport
	Thinking          ThinkingSupport
	Effort            EffortSupport
	ContextManagement ContextManagementSupport
	Extra             Extra
}

func (c *ModelCapabilities) fields(f *fields) {
	capability(f, "batch", &c.Batch)
	capability(f, "citations", &c.Citations)
	capability(f, "code_execution", &c.CodeExecution)
	capability(f, "image_input", &c.ImageInput)
	capability(f, "pdf_input", &c.PDFInput)
	capability(f, "structured_outputs", &c.StructuredOutputs)
	capability(f, "server_tools", &c.ServerTools)
	capability(f, "thinking", &c.Thinking)
	capability(f, "effort", &c.Effort)
	capability(f, "context_management", &c.ContextManagement)
	f.rest(&c.Extra)
}

// capability describes an object that is always written.
func capability(f *fields, name string, o object) {
	if f.enc != nil {
		f.enc.Key(name)
		f.encode(o)
	} else if f.mine(name, optional) {
		f.decode(o)
		f.done()
	}
}

// Support says whether a model can do something.
type Support struct {
	Supported bool
	Extra     Extra
}

func (s *Support) fields(f *fields) {
	flag(f, "supported", &s.Supported, required)
	f.rest(&s.Extra)
}

// ServerToolSupport says which server tools a model can use.
type ServerToolSupport struct {
	Supported     bool
	WebSearch     Support
	CodeExecution Support
	Extra         Extra
}

func (s *ServerToolSupport) fields(f *fields) {
	flag(f, "supported", &s.Supported, required)
	capability(f, "web_search", &s.WebSearch)
	capability(f, "code_execution", &s.CodeExecution)
	f.rest(&s.Extra)
}

// ThinkingSupport says how a model can think.
type ThinkingSupport struct {
	Supported bool
	Types     ThinkingTypeSupport
	Extra     Extra
}

func (s *ThinkingSupport) fields(f *fields) {
	flag(f, "supported", &s.Supported, required)
	capability(f, "types", &s.Types)
	f.rest(&s.Extra)
}

// ThinkingTypeSupport says which values of [Thinking.Type] a model accepts.
type ThinkingTypeSupport struct {
	Adaptive     Support
	BetweenTools Support
	Disabled     Support
	Enabled      Support
	Extra        Extra
}

func (s *ThinkingTypeSupport) fields(f *fields) {
	capability(f, "adaptive", &s.Adaptive)
	capability(f, "between_tools", &s.BetweenTools)
	capability(f, "disabled", &s.Disabled)
	capability(f, "enabled", &s.Enabled)
	f.rest(&s.Extra)
}

// EffortSupport says which values of [OutputConfig.Effort] a model accepts.
type EffortSupport struct {
	Supported bool
	Low       Support
	Medium    Support
	High      Support
	XHigh     Support
	Max       Support
	Extra     Extra
}

func (s *EffortSupport) fields(f *fields) {
	flag(f, "supported", &s.Supported, required)
	capability(f, "low", &s.Low)
	capability(f, "medium", &s.Medium)
	capability(f, "high", &s.High)
	capability(f, "xhigh", &s.XHigh)
	capability(f, "max", &s.Max)
	f.rest(&s.Extra)
}

// ContextManagementSupport says which ways of context management a model knows.
type ContextManagementSupport struct {
	Supported     bool
	ClearThinking Support // clear_thinking_20251015
	ClearToolUses Support // clear_tool_uses_20250919
	Compact       Support // compact_20260112
	Extra         Extra
}

func (s *ContextManagementSupport) fields(f *fields) {
	flag(f, "supported", &s.Supported, required)
	capability(f, "clear_thinking_20251015", &s.ClearThinking)
	capability(f, "clear_tool_uses_20250919", &s.ClearToolUses)
	capability(f, "compact_20260112", &s.Compact)
	f.rest(&s.Extra)
}

// MarshalJSON writes the wire form.
func (v ModelInfo) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ModelInfo) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ModelCapabilities) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ModelCapabilities) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v Support) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *Support) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ServerToolSupport) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ServerToolSupport) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ThinkingSupport) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ThinkingSupport) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ThinkingTypeSupport) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ThinkingTypeSupport) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v EffortSupport) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *EffortSupport) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

// MarshalJSON writes the wire form.
func (v ContextManagementSupport) MarshalJSON() ([]byte, error) { return marshal(&v) }

// UnmarshalJSON reads the wire form.
func (v *ContextManagementSupport) UnmarshalJSON(data []byte) error { return unmarshal(data, v) }

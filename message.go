package claude

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/steadfast-go/claude/internal/wire"
)

// Role says who speaks.
type Role string

// The roles.
const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleSystem    Role = "system" // instructions in mid-conversation; the first ones go into Request.System
)

// Message is one turn of a conversation, sent and received alike.
type Message struct {
	Role    Role
	Content Content
	Extra   Extra // members this type has no field for
}

// UserText returns a user message of text.
func UserText(text string) Message { return User(Text(text)) }

// AssistantText returns an assistant message of text.
func AssistantText(text string) Message { return Assistant(Text(text)) }

// User returns a user message.
func User(blocks ...Block) Message { return Message{Role: RoleUser, Content: blocks} }

// Assistant returns an assistant message.
func Assistant(blocks ...Block) Message { return Message{Role: RoleAssistant, Content: blocks} }

// Text returns the message's text blocks, joined.
func (m *Message) Text() string {
	var only string
	n := 0
	for _, b := range m.Content {
		if t, ok := b.(*TextBlock); ok && t != nil {
			only = t.Text
			n++
		}
	}
	if n < 2 {
		return only
	}
	var s strings.Builder
	for _, b := range m.Content {
		if t, ok := b.(*TextBlock); ok && t != nil {
			s.WriteString(t.Text)
		}
	}
	return s.String()
}

// ToolUses returns the message's calls of your tools, in order.
func (m *Message) ToolUses() []*ToolUseBlock {
	var uses []*ToolUseBlock
	for _, b := range m.Content {
		if t, ok := b.(*ToolUseBlock); ok && t != nil {
			uses = append(uses, t)
		}
	}
	return uses
}

func (m *Message) fields(f *fields) {
	text(f, "role", &m.Role, required)
	content(f, "content", &m.Content, required)
	f.rest(&m.Extra)
}

// Request is the body of POST /v1/messages. A field at its zero value is not
// sent; optional fields whose zero means something are pointers.
//
// https://platform.claude.com/docs/en/api/messages
type Request struct {
	// Model is the id or alias of the model, such as [ModelSonnet5_5].
	Model string
	// MaxTokens is the most tokens the model may write, thinking included. 0 is
	// refused unless WarmCache is set.
	MaxTokens int
	// WarmCache sends a MaxTokens of 0, which fills the prompt cache and writes
	// nothing. It is not part of the body.
	WarmCache bool
	// Messages is the conversation, 1 to 100,000 turns.
	Messages []Message
	// System is the system prompt: text blocks.
	System Content
	// StopSequences end the answer where the model writes one of them.
	StopSequences []string
	// Temperature is 0 to 1. Version 2026-10-21 and newer models refuse it.
	Temperature *float64
	// TopP is 0 to 1. Version 2026-10-21 and newer models refuse it.
	TopP *float64
	// TopK is 0 or more. Version 2026-10-21 and newer models refuse it.
	TopK *int
	// Tools are what the model may call.
	Tools []Tool
	// ToolChoice says how free it is to; nil means auto.
	ToolChoice *ToolChoice
	// Thinking configures extended thinking; nil means the model's default.
	Thinking *Thinking
	// OutputConfig sets effort and structured output.
	OutputConfig *OutputConfig
	// Metadata says on whose behalf the request is made.
	Metadata *Metadata
	// ServiceTier chooses between priority and standard capacity; empty means auto.
	ServiceTier ServiceTier
	// InferenceGeo is where inference may run, "global" or "us"; empty means the
	// workspace's default. Models before Opus 4.6 refuse it.
	InferenceGeo string
	// Container is where code execution runs; nil means a new one if needed.
	Container *Container
	// Speed is "standard" or "fast"; empty means standard.
	Speed Speed
	// CacheControl caches everything up to the last block that can be.
	CacheControl *CacheControl
	// Diagnostics asks why a prompt was not read from the cache.
	Diagnostics *Diagnostics
	// Extra holds beta members, merged into the body. A member that has a field
	// here is a [*ConfigError]. See [WithBeta].
	Extra Extra

	stream   bool // set by the client, and by the decoding of a raw body
	counting bool // for count_tokens, which takes no max_tokens
}

func (r *Request) fields(f *fields) {
	f.request = true
	text(f, "model", &r.Model, required)
	number(f, "max_tokens", &r.MaxTokens, required)
	if f.enc == nil && f.key == "max_tokens" {
		r.WarmCache = r.MaxTokens == 0 // in a raw body a 0 is meant, unlike in a Go literal
	}
	r.prompt(f)
	subs(f, "messages", &r.Messages, required)
	texts(f, "stop_sequences", &r.StopSequences)
	scalar(f, "temperature", &r.Temperature)
	scalar(f, "top_p", &r.TopP)
	scalar(f, "top_k", &r.TopK)
	sub(f, "metadata", &r.Metadata)
	text(f, "service_tier", &r.ServiceTier, optional)
	text(f, "inference_geo", &r.InferenceGeo, optional)
	container(f, "container", &r.Container)
	sub(f, "diagnostics", &r.Diagnostics)
	flag(f, "stream", &r.stream, optional)
	r.extra(f)
}

// prompt describes the members that count_tokens takes too.
func (r *Request) prompt(f *fields) {
	content(f, "system", &r.System, optional)
	tools(f, "tools", &r.Tools)
	sub(f, "tool_choice", &r.ToolChoice)
	sub(f, "thinking", &r.Thinking)
	sub(f, "output_config", &r.OutputConfig)
	sub(f, "cache_control", &r.CacheControl)
	text(f, "speed", &r.Speed, optional)
}

// extra merges Extra, which must not clash with a field.
func (r *Request) extra(f *fields) {
	if f.enc != nil {
		for key := range r.Extra {
			if requestMembers[key] {
				f.enc.Fail(&ConfigError{Field: "Request.Extra", Problem: "member " + quoteName(key) + " has a field of its own in Request: set that"})
				return
			}
		}
	}
	f.rest(&r.Extra)
}

// requestMembers are the members of the body that Request has fields for.
var requestMembers = map[string]bool{
	"model": true, "max_tokens": true, "messages": true, "system": true, "stop_sequences": true,
	"temperature": true, "top_p": true, "top_k": true, "tools": true, "tool_choice": true,
	"thinking": true, "output_config": true, "metadata": true, "service_tier": true,
	"inference_geo": true, "container": true, "speed": true, "cache_control": true,
	"diagnostics": true, "stream": true,
}

// countRequest is a Request as count_tokens takes it, without what that refuses.
type countRequest struct{ *Request }

func (r countRequest) fields(f *fields) {
	f.request = true
	text(f, "model", &r.Model, required)
	r.prompt(f)
	subs(f, "messages", &r.Messages, required)
	r.extra(f)
}

// ThinkingType is how the model thinks.
type ThinkingType string

// The ways of thinking. Which ones a model takes differs; see the documentation
// of models.
const (
	ThinkingAdaptive     ThinkingType = "adaptive"      // the model decides how much
	ThinkingEnabled      ThinkingType = "enabled"       // up to BudgetTokens; Claude 4.6 and older
	ThinkingDisabled     ThinkingType = "disabled"      // not at all
	ThinkingBetweenTools ThinkingType = "between_tools" // only between tool calls; Sonnet 5.5
)

// Thinking configures extended thinking.
//
// https://platform.claude.com/docs/en/build-with-claude/extended-thinking
type Thinking struct {
	Type         ThinkingType
	BudgetTokens int    // for enabled: at least 1024 and less than MaxTokens
	Display      string // "summarized" or "omitted"; empty means the model's default
	Extra        Extra
}

func (t *Thinking) fields(f *fields) {
	text(f, "type", &t.Type, required)
	number(f, "budget_tokens", &t.BudgetTokens, t.Type == ThinkingEnabled)
	text(f, "display", &t.Display, optional)
	f.rest(&t.Extra)
}

// Effort is how much work the model puts into an answer.
type Effort string

// The efforts. Not every model takes every one.
const (
	EffortLow    Effort = "low"
	EffortMedium Effort = "medium"
	EffortHigh   Effort = "high" // the default of most models
	EffortXHigh  Effort = "xhigh"
	EffortMax    Effort = "max"
)

// OutputConfig sets effort and structured output.
type OutputConfig struct {
	Effort Effort        // empty means the model's default
	Format *OutputFormat // makes the answer JSON of a schema
	Extra  Extra
}

func (c *OutputConfig) fields(f *fields) {
	text(f, "effort", &c.Effort, optional)
	sub(f, "format", &c.Format)
	f.rest(&c.Extra)
}

// OutputFormat makes the answer JSON of a schema.
//
// https://platform.claude.com/docs/en/build-with-claude/structured-outputs
type OutputFormat struct {
	Schema any // a JSON Schema, as in [CustomTool]; all its objects closed
	Extra  Extra

	typ string
}

func (o *OutputFormat) fields(f *fields) {
	if f.shape == nil {
		f.constant("type", "json_schema", o.Extra)
	} else {
		text(f, "type", &o.typ, required)
	}
	value(f, "schema", &o.Schema, required)
	f.rest(&o.Extra)
}

// Metadata says on whose behalf a request is made.
type Metadata struct {
	UserID string // an opaque id, such as a hash; no name, no e-mail address
	Extra  Extra
}

func (m *Metadata) fields(f *fields) {
	text(f, "user_id", &m.UserID, optional)
	f.rest(&m.Extra)
}

// ServiceTier chooses the capacity a request may use.
type ServiceTier string

// The service tiers of a request.
const (
	TierAuto         ServiceTier = "auto" // priority if there is some, else standard; the default
	TierStandardOnly ServiceTier = "standard_only"
)

// Speed chooses how fast the answer is made.
type Speed string

// The speeds.
const (
	SpeedStandard Speed = "standard" // the default
	SpeedFast     Speed = "fast"
)

// Container is where code execution runs.
type Container struct {
	ID     string // of a container to use again; empty means a new one
	Skills []Skill
	Extra  Extra
}

// Skill is a skill loaded into a container, at most 20.
type Skill struct {
	SkillID string
	Type    string // "anthropic" or "custom"
	Version string // empty means the latest
	Extra   Extra
}

func (s *Skill) fields(f *fields) {
	text(f, "skill_id", &s.SkillID, required)
	text(f, "type", &s.Type, required)
	text(f, "version", &s.Version, optional)
	f.rest(&s.Extra)
}

func (c *Container) fields(f *fields) {
	text(f, "id", &c.ID, optional)
	subs(f, "skills", &c.Skills, optional)
	f.rest(&c.Extra)
}

// container describes a container, which the wire also knows as a plain id.
func container(f *fields, name string, p **Container) {
	if f.enc != nil {
		switch c := *p; {
		case c == nil:
		case len(c.Skills) == 0 && len(c.Extra) == 0:
			text(f, name, &c.ID, required)
		default:
			sub(f, name, p)
		}
	} else if f.mine(name, optional) {
		*p = new(Container)
		if f.dec.Kind() == '"' {
			(*p).ID = f.dec.String()
		} else {
			f.decode(*p)
		}
		f.done()
	}
}

// Diagnostics asks why a prompt was not read from the cache.
type Diagnostics struct {
	PreviousMessageID *string // id of the answer to compare with; nil for the first turn
	Extra             Extra
}

func (d *Diagnostics) fields(f *fields) {
	textOrNull(f, "previous_message_id", &d.PreviousMessageID)
	f.rest(&d.Extra)
}

// StopReason says why the model stopped. The set is open.
//
// https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
type StopReason string

// The stop reasons.
const (
	StopEndTurn        StopReason = "end_turn"                      // it had said what it had to say
	StopMaxTokens      StopReason = "max_tokens"                    // MaxTokens was reached; a last tool call may be cut: do not run it
	StopSequence       StopReason = "stop_sequence"                 // it wrote one of StopSequences
	StopToolUse        StopReason = "tool_use"                      // it waits for the results of its tool calls
	StopPauseTurn      StopReason = "pause_turn"                    // a long turn was paused: send the answer back and call again
	StopRefusal        StopReason = "refusal"                       // it declined; drop or change the turn
	StopContextWindow  StopReason = "model_context_window_exceeded" // the context window is full
	StopCompactionDone StopReason = "compaction"                    // beta: it compacted the conversation
)

// StopDetails says more about a refusal.
type StopDetails struct {
	Type        string // "refusal"
	Category    string // such as "cyber"; empty if the API gave none
	Explanation string
	Extra       Extra
}

func (d *StopDetails) fields(f *fields) {
	text(f, "type", &d.Type, required)
	text(f, "category", &d.Category, optional)
	text(f, "explanation", &d.Explanation, optional)
	f.rest(&d.Extra)
}

// Response is the answer to a [Request]. In JSON it is exactly the API's Message
// object; RequestID, RateLimit, Attempts and Raw are not part of that.
//
// https://platform.claude.com/docs/en/api/messages
type Response struct {
	Message // append it to the conversation

	ID           string
	Model        string // the model that answered, aliases resolved
	StopReason   StopReason
	StopSequence string // the one of Request.StopSequences that was written
	StopDetails  *StopDetails
	Usage        Usage
	Container    *ContainerInfo
	Diagnostics  *CacheDiagnostics
	Extra        Extra // members this type has no field for; unlike Message.Extra, they do not go back

	RequestID string     // the "request-id" header; quote it to support
	RateLimit RateLimit  // what the headers said of the account's limits
	Attempts  []Attempt  // how the call went, the answered attempt last
	Trail     []Decision // every decision about the call, in order
	Resumes   int        // how often a stream went on after a break: see [WithResume]
	Raw       string     // the body as it was received, or of a stream what it came to
}

func (r *Response) fields(f *fields) {
	text(f, "id", &r.ID, required)
	f.constant("type", "message", r.Extra)
	text(f, "role", &r.Role, required)
	text(f, "model", &r.Model, required)
	content(f, "content", &r.Content, required)
	textNullable(f, "stop_reason", &r.StopReason)
	textNullable(f, "stop_sequence", &r.StopSequence)
	sub(f, "stop_details", &r.StopDetails)
	if f.enc != nil {
		f.enc.Key("usage")
		f.encode(&r.Usage)
	} else if f.mine("usage", optional) {
		f.decode(&r.Usage)
		f.done()
	}
	sub(f, "container", &r.Container)
	sub(f, "diagnostics", &r.Diagnostics)
	f.rest(&r.Extra)
}

// textNullable describes a member of an answer that is null when it is empty.
func textNullable[T ~string](f *fields, name string, p *T) {
	if f.enc != nil && *p == "" {
		f.enc.Key(name)
		f.enc.Null()
		return
	}
	text(f, name, p, required)
}

// decodeResponse decodes an answer of a type, as the body says. Its strings point into
// the body.
func decodeResponse(body, typ string, r *Response) error {
	*r = Response{}
	err := decodeText(body, func(f *fields) {
		if f.dec.Kind() == '{' && typ != "message" {
			f.dec.Fail(errors.New("its type is not message"))
		}
		f.decode(r)
		if f.dec.Err() == nil && r.Content == nil {
			f.dec.Fail(errors.New("it has no array of content"))
		}
	})
	if err == nil {
		r.Raw = body
	}
	return err
}

// Usage counts tokens. A count the API did not give is 0.
type Usage struct {
	InputTokens              int // neither written to nor read from the cache
	OutputTokens             int // thinking included
	CacheCreationInputTokens int
	CacheReadInputTokens     int
	CacheCreation            *CacheCreation
	OutputTokensDetails      *OutputTokensDetails
	ServerToolUse            *ServerToolUsage
	ServiceTier              string // "standard", "priority" or "batch"
	InferenceGeo             string
	Speed                    Speed
	Extra                    Extra // such as the beta's iterations
}

// TotalInputTokens is what the whole prompt came to, cached parts included.
func (u *Usage) TotalInputTokens() int {
	return u.InputTokens + u.CacheCreationInputTokens + u.CacheReadInputTokens
}

func (u *Usage) fields(f *fields) {
	number(f, "input_tokens", &u.InputTokens, required)
	number(f, "output_tokens", &u.OutputTokens, required)
	number(f, "cache_creation_input_tokens", &u.CacheCreationInputTokens, required)
	number(f, "cache_read_input_tokens", &u.CacheReadInputTokens, required)
	sub(f, "cache_creation", &u.CacheCreation)
	sub(f, "output_tokens_details", &u.OutputTokensDetails)
	sub(f, "server_tool_use", &u.ServerToolUse)
	text(f, "service_tier", &u.ServiceTier, optional)
	text(f, "inference_geo", &u.InferenceGeo, optional)
	text(f, "speed", &u.Speed, optional)
	f.rest(&u.Extra)
}

// CacheCreation splits CacheCreationInputTokens by lifetime.
type CacheCreation struct {
	Ephemeral5mInputTokens int
	Ephemeral1hInputTokens int
	Extra                  Extra
}

func (c *CacheCreation) fields(f *fields) {
	number(f, "ephemeral_5m_input_tokens", &c.Ephemeral5mInputTokens, required)
	number(f, "ephemeral_1h_input_tokens", &c.Ephemeral1hInputTokens, required)
	f.rest(&c.Extra)
}

// OutputTokensDetails says what OutputTokens were spent on.
type OutputTokensDetails struct {
	ThinkingTokens int
	Extra          Extra
}

func (d *OutputTokensDetails) fields(f *fields) {
	number(f, "thinking_tokens", &d.ThinkingTokens, required)
	f.rest(&d.Extra)
}

// ServerToolUsage counts the requests of server tools.
type ServerToolUsage struct {
	WebSearchRequests int
	WebFetchRequests  int
	Extra             Extra
}

func (u *ServerToolUsage) fields(f *fields) {
	number(f, "web_search_requests", &u.WebSearchRequests, required)
	number(f, "web_fetch_requests", &u.WebFetchRequests, required)
	f.rest(&u.Extra)
}

// ContainerInfo is the container that code ran in.
type ContainerInfo struct {
	ID        string
	ExpiresAt time.Time
	Skills    []Skill
	Extra     Extra
}

func (c *ContainerInfo) fields(f *fields) {
	text(f, "id", &c.ID, required)
	instant(f, "expires_at", &c.ExpiresAt)
	subs(f, "skills", &c.Skills, optional)
	f.rest(&c.Extra)
}

// instant describes a time in RFC 3339. One that is not stays zero.
func instant(f *fields, name string, p *time.Time) {
	if f.enc != nil {
		if !p.IsZero() {
			s := p.Format(time.RFC3339Nano)
			text(f, name, &s, required)
		}
	} else if f.mine(name, optional) {
		*p, _ = time.Parse(time.RFC3339, f.dec.String())
		f.done()
	}
}

// CacheDiagnostics says why a prompt was not read from the cache.
type CacheDiagnostics struct {
	CacheMissReason json.RawMessage // an object with "type"; empty while pending
	Extra           Extra
}

func (d *CacheDiagnostics) fields(f *fields) {
	rawJSON(f, "cache_miss_reason", &d.CacheMissReason, optional)
	f.rest(&d.Extra)
}

// encodeRequest encodes a request once; the body can be read again and again.
func encodeRequest(o object, size int) (wire.Body, error) {
	var e struct { // one allocation
		wire.Encoder
		fields
	}
	e.Encoder = wire.MakeEncoder(size)
	e.fields.enc = &e.Encoder
	e.fields.encode(o)
	return e.Body(), encodeError(&e.Encoder)
}

// quoteName renders the name of a member for an error, cut.
func quoteName(name string) string {
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	return `"` + strings.ToValidUTF8(name, "?") + `"`
}

package claude

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/steadfast-go/claude/internal/redact"
	"github.com/steadfast-go/claude/internal/wire"
)

// Severity says how sure it is that the API refuses a request.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // it will
	SeverityWarning Severity = "warning" // it may, or the model will
)

// A Problem is one thing wrong with a request.
type Problem struct {
	Rule     string   // id of the rule, such as "R014"
	Severity Severity // whether the API is sure to refuse it
	Path     string   // where, such as "messages[0].content[1].text"
	Message  string   // what is wrong
	Fix      string   // how to set it right
}

// String returns the problem on one line. It quotes no text of the request.
func (p Problem) String() string {
	s := p.Message
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s + " (" + p.Rule + ")"
}

// A ValidationError is a request that was refused before it was sent.
type ValidationError struct {
	Problems []Problem // all that is wrong, in the order of the request
}

// Error names the first problems on one line.
func (e *ValidationError) Error() string {
	const shown = 3
	parts := make([]string, 0, shown+1)
	for _, p := range e.Problems[:min(shown, len(e.Problems))] {
		parts = append(parts, p.String())
	}
	if more := len(e.Problems) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	noun := "problems"
	if len(e.Problems) == 1 {
		noun = "problem"
	}
	return redact.Line(fmt.Sprintf("%d %s: %s", len(e.Problems), noun, strings.Join(parts, "; ")), 2*maxShown)
}

// Class returns [ErrValidation].
func (e *ValidationError) Class() Class { return ErrValidation }

// Is reports whether target is [ErrValidation].
func (e *ValidationError) Is(target error) bool { return ErrValidation.matches(target) }

// Validation says what happens to a request that has problems.
type Validation int

// The ways to validate.
const (
	// ValidationDefault refuses what the API is sure to refuse and warns of the
	// rest, through the logger and [Observer].Warning.
	ValidationDefault Validation = iota
	// ValidationStrict also refuses what the API refuses today: value ranges,
	// enums, counts. What depends on the model stays a warning.
	ValidationStrict
	// ValidationOff checks nothing.
	ValidationOff
)

// Validate returns a [*ValidationError] with every problem the API is sure to
// refuse, or nil. version is the anthropic-version the request is for.
func Validate(r Request, version string) error {
	return refusal(check(&r, version, nil))
}

// ValidateJSON is [Validate] for the raw body of a POST /v1/messages.
func ValidateJSON(body []byte, version string) error {
	return refusal(CheckJSON(body, version))
}

// Check returns every problem of a request, warnings included.
func Check(r Request, version string) []Problem { return check(&r, version, nil) }

// CheckJSON is [Check] for the raw body of a POST /v1/messages.
func CheckJSON(body []byte, version string) []Problem {
	one := func(message string) []Problem {
		return []Problem{{Rule: "R001", Severity: SeverityError, Message: message, Fix: "send one JSON object in UTF-8"}}
	}
	if !utf8.Valid(body) {
		return one("the body is not valid UTF-8")
	}
	var r Request
	s := &shape{}
	dec := wire.NewDecoder(string(body))
	f := fields{dec: dec, shape: s}
	f.decode(&r)
	dec.End()
	if err := dec.Err(); err != nil {
		return one("the body is not a JSON object: " + err.Error())
	}
	if dec.LoneSurrogate > 0 {
		return one(fmt.Sprintf("half of a surrogate pair before byte %d", dec.LoneSurrogate))
	}
	c := checker{r: &r, version: version, model: lookupModel(r.Model)}
	broken := make(map[string]bool, len(s.faults))
	for _, fault := range s.faults {
		if broken[fault.path] {
			continue
		}
		n := len(c.problems)
		c.reportFault(fault)
		// What only warns, as an odd null may, must not hide what refuses.
		broken[fault.path] = len(c.problems) > n && c.problems[n].Severity == SeverityError
	}
	formal := len(c.problems)
	c.check()
	if len(body) > maxRequest {
		c.report("R003", "", "the body is over 32 MB", "send less: upload large files and refer to them by file id")
	}
	// A fault of form explains everything said of the same place or below it.
	kept := c.problems[:formal]
	for _, p := range c.problems[formal:] {
		if !hidden(broken, p.Path) {
			kept = append(kept, p)
		}
	}
	return kept
}

// hidden reports whether the path or one above it is broken.
func hidden(broken map[string]bool, path string) bool {
	for len(broken) > 0 && path != "" {
		if broken[path] {
			return true
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return false
}

func refusal(problems []Problem) error {
	var refused []Problem
	for _, p := range problems {
		if p.Severity == SeverityError {
			refused = append(refused, p)
		}
	}
	if refused == nil {
		return nil
	}
	return &ValidationError{Problems: refused}
}

// refuses reports whether a problem stops a request.
func refuses(p Problem, v Validation) bool {
	return v != ValidationOff && (p.Severity == SeverityError || v == ValidationStrict && (warnRules[p.Rule] || errorRules[p.Rule]))
}

// checker goes over one request.
type checker struct {
	r        *Request
	version  string
	betas    []string    // the anthropic-beta values in force; nil if they are not known
	model    *modelFacts // nil for a model nobody has told us about
	problems []Problem
	images   int // seen so far
}

// check returns every problem of a request, in the order of its members.
func check(r *Request, version string, betas []string) []Problem {
	c := checker{r: r, version: version, betas: betas, model: lookupModel(r.Model)}
	c.check()
	return c.problems
}

func (c *checker) check() {
	c.checkModel()
	c.checkMaxTokens()
	c.checkSystem()
	c.checkMessages()
	c.checkPairs()
	c.checkTools()
	c.checkSampling()
	c.checkThinking()
	c.checkEffort()
	c.checkFormat()
	c.checkRest()
	c.checkCaching()
}

// report notes a problem. Rules of class E refuse; the others warn, and so does
// the mild form of an E rule, which has a "w" behind its id.
func (c *checker) report(rule, path, message, fix string) {
	severity := SeverityWarning
	rule, mild := strings.CutSuffix(rule, "w")
	if mild {
		// The form of a refusing rule that the API may let pass.
	} else if errorRules[rule] || c.versionRefuses(rule) {
		severity = SeverityError
	}
	c.problems = append(c.problems, Problem{Rule: rule, Severity: severity, Path: path, Message: message, Fix: fix})
}

// versionRefuses knows the rules that the API's version alone decides.
func (c *checker) versionRefuses(rule string) bool {
	return c.version == Version20261021 && (rule == "R033" || rule == "R080" || rule == "R097")
}

// errorRules are the rules of class E: structural, and stable over the years.
//
// Left out of the whole set, because they cannot be checked from a request: R004
// (platform), R018 (the answer is streamed where it matters), R024's and R030's
// growing lists, R031 and R032 (the client's configuration), R055, R064 (never
// checked), R071 (contradictory), R089, R091, R092, R096, R120, R122, R124, R127
// to R129, R161, R172, R183, R184; R008, R017, R176 to R182 belong to batches and
// files; R056, R072, R166, R167, R171, R173 to R175 lie in Extra, which is the
// caller's own.
var errorRules = map[string]bool{
	"R001": true, "R002": true, "R003": true, "R005": true, "R006": true, "R007": true, "R010": true, "R013": true,
	"R014": true, "R016": true, "R036": true, "R057": true, "R059": true, "R061": true, "R062": true, "R076": true,
	"R078": true, "R081": true, "R084": true, "R085": true, "R102": true, "R103": true, "R104": true, "R105": true,
	"R106": true, "R108": true, "R112": true, "R123": true, "R125": true, "R132": true, "R133": true, "R139": true,
	"R140": true, "R142": true, "R143": true, "R144": true, "R149": true, "R151": true, "R168": true,
}

// warnRules are the rules of class W, which ValidationStrict refuses too. The
// rest depends on the model.
var warnRules = map[string]bool{
	"R011": true, "R012": true, "R015": true, "R019": true, "R020": true, "R021": true, "R022": true, "R023": true,
	"R026": true, "R027": true, "R029": true, "R034": true, "R035": true, "R042": true, "R043": true, "R044": true,
	"R051": true, "R052": true, "R058": true, "R060": true, "R063": true, "R065": true, "R066": true, "R067": true,
	"R068": true, "R069": true, "R070": true, "R074": true, "R075": true, "R077": true, "R079": true, "R082": true,
	"R083": true, "R086": true, "R088": true, "R093": true, "R094": true, "R095": true, "R098": true, "R099": true,
	"R100": true, "R101": true, "R107": true, "R109": true, "R110": true, "R111": true, "R113": true, "R114": true,
	"R115": true, "R116": true, "R117": true, "R118": true, "R119": true, "R121": true, "R126": true, "R131": true,
	"R134": true, "R135": true, "R136": true, "R137": true, "R138": true, "R141": true, "R145": true, "R146": true,
	"R147": true, "R148": true, "R150": true, "R153": true, "R154": true, "R155": true, "R156": true,
	"R157": true, "R158": true, "R159": true, "R160": true, "R162": true, "R163": true, "R164": true, "R169": true,
	"R170": true,
}

// reportFault turns a fault of form into the rule it breaks.
func (c *checker) reportFault(f fault) {
	name := f.path[strings.LastIndexByte(f.path, '.')+1:]
	root, _, _ := strings.Cut(f.path, "[")
	root, _, _ = strings.Cut(root, ".")
	switch f.kind {
	case isNull:
		switch {
		case nullRefused[f.path], name == "content" && root == "messages" && strings.Count(f.path, ".") == 1:
			c.report("R010", f.path, "is null", "leave it out")
		case name == "input":
			c.report("R112", f.path, "is null", "send an object")
		case !nullAllowed[name]:
			c.report("R010w", f.path, "is null", "leave it out")
		}
	case unknownMember:
		rule := "R011"
		switch {
		case root == "messages":
			rule = "R060"
		case root == "tools":
			rule = "R148"
		case root == "metadata":
			rule = "R020"
		}
		if betaMembers[f.path] != "" {
			return // R029 says what it needs
		}
		c.report(rule, f.path, "is not a member the API knows", "remove it, or switch its beta feature on")
	case missing:
		c.report(faultRule(root, name, f.path, true), f.path, "is missing", "add it")
	case wrongType:
		c.report(faultRule(root, name, f.path, false), f.path, "expected "+f.text, "send a value of that type")
	}
}

// nullRefused are the members the API is known to refuse as null.
var nullRefused = map[string]bool{
	"model": true, "messages": true, "max_tokens": true, "tool_choice": true, "tools": true, "system": true,
	"thinking": true, "output_config": true, "temperature": true, "top_k": true, "top_p": true,
	"service_tier": true, "stream": true,
}

// nullAllowed are the members that may be null, some of which the API sends so.
var nullAllowed = map[string]bool{
	"title": true, "context": true, "user_id": true, "page_age": true, "citations": true, "document_title": true,
	"eager_input_streaming": true, "previous_message_id": true, "lines": true, "new_lines": true, "new_start": true,
	"old_lines": true, "old_start": true, "num_lines": true, "start_line": true, "total_lines": true,
	"caller": true, "cache_control": true, "retrieved_at": true, "error_message": true,
}

// faultRule is the rule that a missing or mistyped member breaks.
func faultRule(root, name, path string, missing bool) string {
	switch {
	case root == "model":
		return "R005"
	case root == "max_tokens":
		return "R006"
	case root == "stream":
		return "R016"
	case root == "system":
		return "R081"
	case root == "top_k":
		return "R036"
	case root == "tool_choice":
		return "R149"
	case root == "output_config":
		return "R168"
	case root == "tools":
		switch {
		case name == "name":
			return "R140"
		case name == "input_schema":
			return "R143"
		}
		return "R139"
	case root != "messages":
		return "R010"
	case name == "messages":
		return "R013"
	case name == "role":
		return "R057"
	case name == "content" && missing:
		return "R059"
	case strings.HasPrefix(name, "messages["), name == "content":
		return "R059"
	case name == "tool_use_id":
		return "R108"
	case name == "signature":
		return "R123"
	case strings.HasSuffix(path, ".source.data"):
		return "R085"
	case name == "data":
		return "R125"
	case name == "text":
		return "R078"
	case name == "input":
		return "R112"
	}
	return "R076"
}

// checkText reports text that JSON cannot carry.
func (c *checker) checkText(s, path string) bool {
	if utf8.ValidString(s) {
		return true
	}
	at := 0
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			at = i
			break
		}
	}
	c.report("R001", path, fmt.Sprintf("is not valid UTF-8 at byte %d", at), "convert it, or strings.ToValidUTF8 it")
	return false
}

func (c *checker) checkModel() {
	switch m := c.model; {
	case c.r.Model == "":
		c.report("R005", "model", "is empty", "set it, for instance to claude.ModelSonnet5_5")
	case !c.checkText(c.r.Model, "model"), m == nil:
	case m.retired != "":
		c.report("M001", "model", c.r.Model+" was retired on "+m.retired, "use "+m.successor)
	case m.deprecated != "":
		c.report("M002", "model", c.r.Model+" is deprecated since "+m.deprecated, "move to "+m.successor)
	}
}

func (c *checker) checkMaxTokens() {
	r := c.r
	switch n := r.MaxTokens; {
	case r.counting:
	case n < 0:
		c.report("R007", "max_tokens", "is negative", "set it to the most tokens the model may write")
	case n == 0 && !r.WarmCache:
		c.report("R006", "max_tokens", "is missing", "set it to the most tokens the model may write, or WarmCache to only fill the cache")
	case n == 0:
		c.checkWarmCache()
	case c.model != nil && c.model.maxTokens > 0 && n > c.model.maxTokens:
		c.report("R009", "max_tokens", fmt.Sprintf("is over %d, the most %s writes", c.model.maxTokens, r.Model), "lower it")
	}
}

func (c *checker) checkWarmCache() {
	with := ""
	switch r := c.r; {
	case r.stream:
		with = "stream"
	case r.Thinking != nil && r.Thinking.Type == ThinkingEnabled:
		with = "thinking"
	case r.OutputConfig != nil && r.OutputConfig.Format != nil:
		with = "output_config.format"
	case r.ToolChoice != nil && (r.ToolChoice.Type == ToolChoiceAny || r.ToolChoice.Type == ToolChoiceTool):
		with = "a forced tool_choice"
	default:
		return
	}
	c.report("R012", "max_tokens", "0 does not go with "+with, "leave that out while warming the cache")
}

func (c *checker) checkSystem() {
	for i, b := range c.r.System {
		if _, raw := b.(*UnknownBlock); raw {
			continue // the caller's own
		}
		t, ok := b.(*TextBlock)
		if !ok || t == nil {
			c.report("R081", index("system", i), "is not a text block", "put only text into the system prompt")
			continue
		}
		c.checkTextBlock(t, "system", -1, i, RoleSystem)
	}
}

// checkSampling checks temperature, top_p and top_k.
func (c *checker) checkSampling() {
	r := c.r
	if r.Temperature == nil && r.TopP == nil && r.TopK == nil {
		return
	}
	for _, p := range []struct {
		name  string
		value *float64
		rule  string
	}{{"temperature", r.Temperature, "R034"}, {"top_p", r.TopP, "R035"}} {
		switch {
		case p.value == nil:
		case math.IsNaN(*p.value) || math.IsInf(*p.value, 0):
			c.report("R002", p.name, "is not a finite number", "set a number, or leave it out")
		case c.version == Version20261021:
			c.report("R033", p.name, "is not accepted by version 2026-10-21, not even at its default", "leave it out")
		case *p.value < 0 || *p.value > 1:
			c.report(p.rule, p.name, "is not between 0 and 1", "bring it into that range")
		}
	}
	if r.TopK != nil {
		switch {
		case c.version == Version20261021:
			c.report("R033", "top_k", "is not accepted by version 2026-10-21, not even at its default", "leave it out")
		case *r.TopK < 0:
			c.report("R036w", "top_k", "is negative", "set 0 or more, or leave it out")
		}
	}
	if c.version == Version20261021 || c.model == nil {
		return
	}
	switch c.model.sampling {
	case samplingDefaults:
		for _, p := range []struct {
			name string
			off  bool
		}{
			{"temperature", r.Temperature != nil && *r.Temperature != 1},
			{"top_p", r.TopP != nil && *r.TopP != 1},
			{"top_k", r.TopK != nil},
		} {
			if p.off {
				c.report("R037", p.name, "is not accepted by "+r.Model+" except at its default", "leave it out")
			}
		}
	case samplingHaiku55:
		switch {
		case r.Temperature != nil && *r.Temperature != 1:
			c.report("R038", "temperature", r.Model+" accepts 1 only", "leave it out")
		case r.TopP != nil && *r.TopP < 0.99:
			c.report("R038", "top_p", r.Model+" accepts 0.99 only", "leave it out")
		case r.TopK != nil:
			c.report("R038", "top_k", "is not accepted by "+r.Model, "leave it out")
		case r.Temperature != nil && r.TopP != nil:
			c.report("R038", "top_p", "does not go with temperature on "+r.Model, "set one of the two")
		}
	case samplingOneOf:
		if r.Temperature != nil && r.TopP != nil {
			c.report("R039", "top_p", "does not go with temperature on "+r.Model, "set one of the two")
		}
	default:
	}
	if t := r.Thinking; t != nil && (t.Type == ThinkingEnabled || t.Type == ThinkingAdaptive) {
		if r.Temperature != nil && *r.Temperature != 1 {
			c.report("R040", "temperature", "must be 1 while thinking is on", "leave it out")
		}
		if r.TopK != nil || r.TopP != nil && *r.TopP < 0.95 {
			c.report("R041", "top_p", "while thinking is on, top_k is not accepted and top_p from 0.95 only", "leave them out")
		}
	}
}

func (c *checker) checkThinking() {
	t := c.r.Thinking
	if t == nil {
		return
	}
	letter := ""
	switch t.Type {
	case ThinkingAdaptive:
		letter = "A"
	case ThinkingEnabled:
		letter = "E"
		if t.BudgetTokens < 1024 {
			c.report("R043", "thinking.budget_tokens", "is less than 1024", "set at least 1024")
		}
		if t.BudgetTokens >= c.r.MaxTokens && c.r.MaxTokens > 0 && !c.hasBeta("interleaved-thinking-") {
			c.report("R044", "thinking.budget_tokens", "is not less than max_tokens", "lower it, or raise max_tokens")
		}
	case ThinkingDisabled:
		letter = "D"
	case ThinkingBetweenTools:
		letter = "B"
		if t.BudgetTokens != 0 || t.Display != "" {
			c.report("R049", "thinking", "between_tools takes no other member", "leave the others out")
		}
	default:
		c.report("R042", "thinking.type", "is none of adaptive, enabled, disabled, between_tools", "set one of them")
	}
	if _, ok := t.Extra["block_binding"]; ok && c.betas != nil && !c.hasBeta("thinking-binding-controls-") {
		c.report("R051", "thinking.block_binding", "needs its beta header", `add WithBeta("thinking-binding-controls-2026-08-01")`)
	}
	if choice := c.r.ToolChoice; choice != nil && t.Type == ThinkingEnabled && (choice.Type == ToolChoiceAny || choice.Type == ToolChoiceTool) {
		c.report("R050", "tool_choice.type", "forces a tool while thinking is enabled", "use auto")
	}
	m := c.model
	if m == nil || m.thinking == "" || letter == "" || strings.Contains(m.thinking, letter) {
		return
	}
	rule, fix := "R045", "use adaptive thinking and output_config.effort"
	switch letter {
	case "A":
		rule, fix = "R046", "use enabled with budget_tokens"
	case "D":
		rule, fix = "R047", "leave thinking out and lower output_config.effort"
		if strings.Contains(m.thinking, "B") {
			fix = "use between_tools"
		}
	case "B":
		rule, fix = "R049", "use a kind of thinking the model has"
	}
	c.report(rule, "thinking.type", string(t.Type)+" is not accepted by "+c.r.Model, fix)
}

func (c *checker) checkEffort() {
	if c.r.OutputConfig == nil || c.r.OutputConfig.Effort == "" {
		return
	}
	const path = "output_config.effort"
	effort := c.r.OutputConfig.Effort
	switch effort {
	case EffortLow, EffortMedium, EffortHigh, EffortXHigh, EffortMax:
	default:
		c.report("R052", path, "is none of low, medium, high, xhigh, max", "set one of them")
		return
	}
	m := c.model
	if m == nil || m.efforts == "" {
		return
	}
	levels := " " + m.efforts + " "
	switch {
	case m.efforts == "none":
		c.report("R053", path, "is not a parameter "+c.r.Model+" knows", "leave it out")
	case !strings.Contains(levels, " "+string(effort)+" "):
		c.report("R054", path, string(effort)+" is not accepted by "+c.r.Model, "use one of "+m.efforts)
	case m.disabledNotAboveHigh && c.r.Thinking != nil && c.r.Thinking.Type == ThinkingDisabled && (effort == EffortXHigh || effort == EffortMax),
		c.r.Thinking != nil && c.r.Thinking.Type == ThinkingBetweenTools && effort == EffortXHigh:
		c.report("R048", path, string(effort)+" does not go with thinking switched off", "use high or below, or let the model think")
	}
}

// checkRest checks the small members.
func (c *checker) checkRest() {
	r := c.r
	for i, s := range r.StopSequences {
		if strings.TrimSpace(s) == "" {
			c.report("R019", index("stop_sequences", i), "holds nothing but white space", "remove it")
		}
		c.checkText(s, index("stop_sequences", i))
	}
	if m := r.Metadata; m != nil {
		if strings.Contains(m.UserID, "@") && strings.Contains(m.UserID, ".") {
			c.report("R021", "metadata.user_id", "looks like an e-mail address", "send an opaque id, such as a hash")
		}
		if len(m.UserID) > 256 {
			c.report("R022", "metadata.user_id", "is longer than 256 characters", "send a shorter id, such as a hash")
		}
		if len(m.Extra) > 0 {
			c.report("R020", "metadata", "takes user_id only", "remove the other members")
		}
		c.checkText(m.UserID, "metadata.user_id")
	}
	switch r.ServiceTier {
	case "", TierAuto, TierStandardOnly:
	default:
		c.report("R023", "service_tier", "is neither auto nor standard_only", "set one of them, or leave it out")
	}
	if r.InferenceGeo != "" {
		if r.InferenceGeo != "global" && r.InferenceGeo != "us" {
			c.report("R024", "inference_geo", "is neither global nor us", "set one of them, or leave it out")
		}
		if c.model != nil && c.model.noGeo {
			c.report("R025", "inference_geo", "is not accepted by "+r.Model, "leave it out")
		}
	}
	if r.Container != nil {
		if !c.hasCodeExecution() {
			c.report("R026", "container", "goes with the code execution tool only", "add a CodeExecutionTool, or leave it out")
		}
		if len(r.Container.Skills) > 20 {
			c.report("R027", "container.skills", "holds more than 20 skills", "load fewer")
		}
	}
	if c.betas == nil {
		return
	}
	for key := range r.Extra {
		if beta, ok := betaMembers[key]; ok && !c.hasBeta(beta) {
			c.report("R029", key, "needs its beta header", "add WithBeta of a value that starts with "+beta)
		}
	}
}

// betaMembers are the beta members of the body and how the beta value that each
// needs begins.
var betaMembers = map[string]string{
	"context_management": "context-management-", "compaction": "compact-", "mcp_servers": "mcp-client-",
	"fallbacks": "server-side-fallback-", "fallback_credit_token": "fallback-credit-",
	"output_format": "structured-outputs-", "thread": "message-threads-",
	"billing_policy": "user-profiles-billing-", "user_profile_id": "user-profiles-",
}

// hasBeta reports whether a beta value that starts with prefix is in force, or
// may be.
func (c *checker) hasBeta(prefix string) bool {
	for _, b := range c.betas {
		if strings.HasPrefix(b, prefix) {
			return true
		}
	}
	return false
}

func (c *checker) hasCodeExecution() bool {
	for _, t := range c.r.Tools {
		switch t := t.(type) {
		case *CodeExecutionTool:
			return true
		case *UnknownTool:
			if t != nil && strings.HasPrefix(t.Type, "code_execution") {
				return true
			}
		}
	}
	return false
}

// jsonProblem says what is wrong with a raw value that should be an object; ""
// if nothing is. Empty counts as {}.
func jsonProblem(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if err := wire.Valid(raw, wire.MaxDepth/2); err != nil {
		if errors.Is(err, wire.ErrDepth) {
			return "nests too deep"
		}
		return "is not valid JSON"
	}
	if raw := strings.TrimSpace(string(raw[:min(len(raw), 16)])); raw == "" || raw[0] != '{' {
		return "is not an object"
	}
	return ""
}

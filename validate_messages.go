package claude

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// turn is a run of messages of one role, which the API takes for one.
type turn struct{ from, to int } // messages[from:to]

// nextTurn returns the run that begins at message i.
func (c *checker) nextTurn(i int) turn {
	to := i + 1
	for to < len(c.r.Messages) && c.r.Messages[to].Role == c.r.Messages[i].Role {
		to++
	}
	return turn{i, to}
}

func messagePath(i int, member string) string { return index("messages", i) + member }

// checkMessages checks roles, turns and blocks.
func (c *checker) checkMessages() {
	messages := c.r.Messages
	switch {
	case len(messages) == 0:
		c.report("R014", "messages", "holds no message", "add at least one user message")
		return
	case len(messages) > 100_000:
		c.report("R015", "messages", "holds more than 100,000 messages", "drop or summarize old turns")
	}
	if messages[0].Role == RoleAssistant && !compacted(&messages[0]) {
		c.report("R063", "messages[0].role", "the first message is not the user's", "begin with a user message")
	}
	for i := 0; i < len(messages); {
		t := c.nextTurn(i)
		c.checkTurn(t)
		for ; i < t.to; i++ {
			c.checkMessage(i)
		}
	}
	c.checkPrefill()
	c.checkDocuments()
	if c.model != nil && c.model.images > 0 && c.images > c.model.images {
		c.report("R090", "messages", fmt.Sprintf("holds %d images, %s takes %d", c.images, c.r.Model, c.model.images), "send fewer")
	}
}

// checkTurn checks what holds for a run of messages of one role.
func (c *checker) checkTurn(t turn) {
	empty := true
	for i := t.from; i < t.to; i++ {
		empty = empty && len(c.r.Messages[i].Content) == 0
	}
	last := t.to == len(c.r.Messages)
	switch role := c.r.Messages[t.from].Role; role {
	case RoleUser:
		if empty {
			c.report("R061", messagePath(t.from, ".content"), "is empty", "say something, or drop the message")
		}
	case RoleAssistant:
		if empty && !last {
			c.report("R062", messagePath(t.from, ".content"), "is empty", "drop the message: only the last assistant message may be empty")
		}
	case RoleSystem:
		if t.from == 0 {
			c.report("R065", "messages[0].role", "a system message cannot be the first", "use Request.System")
		}
		if !last && c.r.Messages[t.to].Role != RoleAssistant {
			c.report("R066", messagePath(t.to-1, ".role"), "a system message must end the conversation or precede an assistant message", "move it")
		}
		if t.from > 0 && c.r.Messages[t.from-1].Role == RoleAssistant {
			c.checkSystemPlace(t.from)
		}
	}
}

// checkSystemPlace checks a system message that follows an assistant's.
func (c *checker) checkSystemPlace(i int) {
	before := c.r.Messages[i-1].Content
	for _, b := range before {
		if use, ok := b.(*ToolUseBlock); ok && use != nil {
			c.report("R068", index("messages", i), "stands between a tool call and its result", "move it behind the results")
			return
		}
	}
	if len(before) > 0 {
		switch before[len(before)-1].(type) {
		case *WebSearchToolResultBlock, *WebFetchToolResultBlock, *CodeExecutionToolResultBlock,
			*BashCodeExecutionToolResultBlock, *TextEditorCodeExecutionToolResultBlock, *ToolSearchToolResultBlock, *UnknownBlock:
			return
		}
	}
	c.report("R067", messagePath(i, ".role"), "a system message follows a user message or a server tool's result", "move it behind the user's")
}

// checkMessage checks one message by itself.
func (c *checker) checkMessage(i int) {
	m := &c.r.Messages[i]
	switch m.Role {
	case RoleUser, RoleAssistant:
	case RoleSystem:
		if _, directive := m.Extra["output_config"]; len(m.Content) == 0 && !directive {
			c.report("R069", messagePath(i, ".content"), "is empty", "say something, or drop the message")
		}
	case "":
		c.report("R057", messagePath(i, ".role"), "is missing", "set RoleUser or RoleAssistant")
	default:
		c.report("R058", messagePath(i, ".role"), "is none of user, assistant, system", "set one of them")
	}
	for j, b := range m.Content {
		if isNil(b) {
			c.report("R076", blockPath(i, j), "is nil", "remove it")
			continue
		}
		c.checkBlock(b, i, j, m.Role)
	}
}

// checkBlock checks one block of a message.
func (c *checker) checkBlock(b Block, i, j int, role Role) {
	switch b := b.(type) {
	case *TextBlock:
		c.checkTextBlock(b, "", i, j, role)
		return
	case *UnknownBlock:
		c.checkUnknown(b, blockPath(i, j))
		return
	}
	if role == RoleSystem {
		c.report("R070", blockPath(i, j)+".type", b.blockType()+" does not go into a system message", "put only text there")
	}
	switch b := b.(type) {
	case *ImageBlock:
		c.checkImage(b, blockPath(i, j))
	case *DocumentBlock:
		if role == RoleAssistant && c.version != Version20230601 {
			c.report("R097", blockPath(i, j)+".type", "a document does not go into an assistant message", "put it into a user message")
		}
		c.checkDocument(b, blockPath(i, j))
	case *SearchResultBlock:
		if role != RoleUser {
			c.report("R100", blockPath(i, j)+".type", "a search result goes into user messages only", "move it")
		}
	case *ThinkingBlock:
		if b.Signature == "" {
			c.report("R123", blockPath(i, j)+".signature", "is missing", "send the block back as it was received, or drop it")
		}
		c.checkThinkingPlace(i, j, role, b.Extra)
	case *RedactedThinkingBlock:
		if b.Data == "" {
			c.report("R125", blockPath(i, j)+".data", "is missing", "send the block back as it was received, or drop it")
		}
		c.checkThinkingPlace(i, j, role, b.Extra)
	case *ToolUseBlock:
		c.checkToolUse(b, i, j)
	case *ServerToolUseBlock:
		if rest, ok := strings.CutPrefix(b.ID, "srvtoolu_"); !ok || !word(rest, false) {
			c.report("R110", blockPath(i, j)+".id", "is not of the form srvtoolu_…", "send the block back as it was received")
		}
		c.checkInput(b.Input, i, j)
	case *ToolResultBlock:
		c.checkToolResult(b, i, j, role)
	case *ToolReferenceBlock:
		c.checkReference(b, blockPath(i, j))
	}
}

// checkTextBlock checks text; field is set outside the messages.
func (c *checker) checkTextBlock(b *TextBlock, field string, i, j int, role Role) {
	clean := strings.TrimSpace(b.Text) != "" && utf8.ValidString(b.Text)
	if clean && b.CacheControl == nil && len(b.Citations) == 0 {
		return // by far the most blocks
	}
	path := blockPath(i, j)
	if field != "" {
		path = index(field, j)
	}
	switch {
	case b.Text == "":
		c.report("R078", path+".text", "is empty", "drop the block: the API refuses even the empty blocks it has sent itself")
		if b.CacheControl != nil {
			c.report("R132", path+".cache_control", "stands on an empty text", "move it to a block with text")
		}
	case strings.TrimSpace(b.Text) == "":
		c.report("R079", path+".text", "holds nothing but white space", "drop the block")
	default:
		c.checkText(b.Text, path+".text")
	}
	if role == RoleUser && len(b.Citations) > 0 && c.version != Version20230601 {
		c.report("R080", path+".citations", "citations do not go into a user message", "leave them out")
	}
}

// checkUnknown checks a raw block as far as its shape goes.
func (c *checker) checkUnknown(b *UnknownBlock, path string) {
	switch problem := jsonProblem(b.Raw); {
	case len(b.Raw) == 0:
		c.report("R076", path, "is an UnknownBlock without Raw", "set Raw to the block's JSON")
	case problem != "":
		c.report("R076", path, problem, "set Raw to the block's JSON")
	case b.Type != "" && !betaBlocks[b.Type]:
		c.report("R077", path+".type", quoteName(b.Type)+" is not a block this package knows", "check its name")
	}
}

// betaBlocks are block types that have no Go type here and are known all the same.
var betaBlocks = map[string]bool{
	"mcp_tool_use": true, "mcp_tool_result": true, "mcp_tool_listing": true, "advisor_tool_result": true,
	"compaction": true, "fallback": true, "tool_addition": true, "tool_removal": true,
}

func (c *checker) checkThinkingPlace(i, j int, role Role, extra Extra) {
	if role != RoleAssistant {
		c.report("R126", blockPath(i, j)+".type", "thinking goes into assistant messages only", "move it")
	}
	if _, ok := extra["cache_control"]; ok {
		c.report("R133", blockPath(i, j)+".cache_control", "cannot stand on thinking", "move it to another block")
	}
}

func (c *checker) checkToolUse(b *ToolUseBlock, i, j int) {
	if !word(b.ID, true) {
		c.report("R109", blockPath(i, j)+".id", "is not made of letters, digits, _ and -", "send the block back as it was received")
	}
	if n := len(b.Name); n == 0 || n > 200 {
		c.report("R111", blockPath(i, j)+".name", "does not have 1 to 200 characters", "name the tool that was called")
	}
	c.checkInput(b.Input, i, j)
}

func (c *checker) checkInput(input []byte, i, j int) {
	if problem := jsonProblem(input); problem != "" {
		c.report("R112", blockPath(i, j)+".input", problem, "send a JSON object; leave it empty for {}")
	}
}

func (c *checker) checkToolResult(b *ToolResultBlock, i, j int, role Role) {
	if role != RoleUser {
		c.report("R106", blockPath(i, j)+".type", "a tool result goes into user messages only", "put it into a user message, see ToolResults")
	}
	if b.ToolUseID == "" {
		c.report("R108", blockPath(i, j)+".tool_use_id", "is missing", "set it to the ID of the call, see ToolUseBlock.Result")
	}
	states, searches := 0, 0
	for k, inner := range b.Content {
		path := index(blockPath(i, j)+".content", k)
		if isNil(inner) {
			c.report("R076", path, "is nil", "remove it")
			continue
		}
		switch inner := inner.(type) {
		case *TextBlock:
			if inner.Text == "" {
				c.report("R078", path+".text", "is empty", "drop the block")
			} else if !utf8.ValidString(inner.Text) {
				c.checkText(inner.Text, path+".text")
			}
		case *ImageBlock:
			c.checkImage(inner, path)
		case *DocumentBlock:
			c.checkDocument(inner, path)
		case *SearchResultBlock:
			searches++
		case *ToolReferenceBlock:
			c.checkReference(inner, path)
		case *BrowserStateBlock:
			states++
			c.checkBrowserState(b, inner, path)
		case *UnknownBlock:
			c.checkUnknown(inner, path)
		}
	}
	if searches > 0 && searches < len(b.Content) {
		c.report("R101", blockPath(i, j)+".content", "mixes search results with other blocks", "put them into results of their own")
	}
	if states > 1 {
		c.report("R119", blockPath(i, j)+".content", "holds more than one browser state", "keep the last")
	}
}

func (c *checker) checkBrowserState(result *ToolResultBlock, b *BrowserStateBlock, path string) {
	active := 0
	for k, tab := range b.Tabs {
		if tab.Active {
			active++
		}
		for _, other := range b.Tabs[:k] {
			if other.TabID == tab.TabID {
				c.report("R119", index(path+".tabs", k)+".tab_id", "is there twice", "give each tab an id of its own")
				break
			}
		}
	}
	if result.IsError || len(b.Tabs) > 0 && active != 1 {
		c.report("R119", path, "needs exactly one active tab, and a result that is no error", "mark the tab in front")
	}
}

// checkReference checks that a referenced tool exists.
func (c *checker) checkReference(b *ToolReferenceBlock, path string) {
	for _, t := range c.r.Tools {
		if !isNil(t) && t.toolName() == b.ToolName {
			return
		}
	}
	c.report("R121", path+".tool_name", quoteName(b.ToolName)+" is not a tool of the request", "add it to Tools")
}

// checkPrefill checks a conversation that ends with the assistant.
func (c *checker) checkPrefill() {
	i := len(c.r.Messages) - 1
	m := &c.r.Messages[i]
	if m.Role != RoleAssistant || len(m.Content) == 0 || c.hasBeta("fallback-credit-") {
		return
	}
	lastBlock := m.Content[len(m.Content)-1]
	t, isText := lastBlock.(*TextBlock)
	if isText && t != nil && t.Text != "" && strings.TrimRight(t.Text, " \t\r\n") != t.Text {
		c.report("R074", blockPath(i, len(m.Content)-1)+".text", "the beginning of the answer ends in white space", "trim it")
	}
	if c.r.OutputConfig != nil && c.r.OutputConfig.Format != nil {
		c.report("R075", messagePath(i, ".role"), "a begun answer does not go with output_config.format", "end with a user message")
	}
	if isText && c.model != nil && c.model.noPrefill { // a paused turn ends in a block of a server tool
		c.report("R073", messagePath(i, ".role"), c.r.Model+" does not continue a begun answer", "end with a user message")
	}
}

// checkDocuments checks what all documents of a request must agree on.
func (c *checker) checkDocuments() {
	with, without, first := 0, 0, ""
	for i := range c.r.Messages {
		for j, b := range c.r.Messages[i].Content {
			d, ok := b.(*DocumentBlock)
			if !ok || d == nil {
				continue
			}
			if d.Citations != nil && d.Citations.Enabled {
				with++
			} else {
				without++
			}
			if with > 0 && without > 0 && first == "" {
				first = blockPath(i, j) + ".citations.enabled"
			}
		}
	}
	if first != "" {
		c.report("R098", first, "citations are on for some documents only", "switch them on for all or none")
	}
	if with > 0 && c.r.OutputConfig != nil && c.r.OutputConfig.Format != nil {
		c.report("R099", "output_config.format", "does not go with citations", "switch one of them off")
	}
}

// checkPairs checks that calls and results of tools belong together. The calls
// of a turn must be answered in the next, unless that never came.
func (c *checker) checkPairs() {
	if _, ok := c.r.Extra["thread"]; ok {
		return // the earlier turns are on the server
	}
	ids := idSet{}
	var asked *longTurn // the assistant turn before, if it is long
	for i := 0; i < len(c.r.Messages); {
		t := c.nextTurn(i)
		i = t.to
		var answer *longTurn // the turn that answers this one, if this is long
		var results idSet
		other := false // a block that is no result was seen
		switch c.r.Messages[t.from].Role {
		case RoleAssistant:
			asked = nil
			if c.isLong(t) {
				asked = c.indexTurn(t)
				if t.to < len(c.r.Messages) {
					answer = c.indexTurn(c.answeringTurn(t))
				}
			}
		case RoleUser, RoleSystem: // answer the turn before
		default:
			asked = nil
		}
		for m := t.from; m < t.to; m++ {
			for j, b := range c.r.Messages[m].Content {
				switch b := b.(type) {
				case *ToolUseBlock:
					other = true
					if b == nil {
						continue
					}
					if b.ID != "" && !ids.add(b.ID) {
						c.report("R105", blockPath(m, j)+".id", "is the id of an earlier call too", "give each call an id of its own")
					}
					c.checkAnswered(b, m, j, t, answer)
				case *ToolResultBlock:
					if b != nil && c.r.Messages[m].Role == RoleUser {
						c.checkAnswers(b, m, j, t, asked, !results.add(b.ToolUseID), other)
					}
				default:
					other = true
				case *ServerToolUseBlock:
					other = true
					if b != nil && t.to < len(c.r.Messages) && !c.hasServerResult(b.ID, t) {
						c.report("R114", blockPath(m, j)+".id", "has no result in its turn", "send the turn back as it was received")
					}
				}
			}
		}
	}
}

// checkAnswered checks that a call has a result in the next turn.
func (c *checker) checkAnswered(b *ToolUseBlock, m, j int, t turn, answer *longTurn) {
	if c.r.Messages[m].Role != RoleAssistant {
		return
	}
	if t.to == len(c.r.Messages) {
		c.report("R102w", blockPath(m, j)+".id", "is a call without a result at the end of the conversation", "add a user message with its result")
		return
	}
	if answer != nil && (answer.unknown || answer.results[b.ID]) || answer == nil && c.mayAnswer(c.answeringTurn(t), b.ID) {
		return
	}
	c.report("R102", blockPath(m, j)+".id", "has no result in the next message", "answer every call, see ToolResults; a canceled one with an error")
}

// checkAnswers checks that a result answers a call of the turn before, once, and
// comes first.
func (c *checker) checkAnswers(b *ToolResultBlock, m, j int, t turn, asked *longTurn, twice, other bool) {
	if b.ToolUseID == "" {
		return // R108 says so
	}
	path := blockPath(m, j) + ".tool_use_id"
	if twice {
		c.report("R104", path, "is answered twice", "send one result for each call")
		return
	}
	if other {
		c.report("R107", blockPath(m, j), "comes after other blocks", "put results first")
	}
	if strings.HasPrefix(b.ToolUseID, "srvtoolu_") {
		c.report("R113", path, "is the call of a server tool", "leave its result to the API")
		return
	}
	var use *ToolUseBlock
	var unknown bool
	if asked != nil {
		use, unknown = asked.uses[b.ToolUseID], asked.unknown
	} else {
		use, unknown = c.findUse(t, b.ToolUseID)
	}
	switch {
	case use == nil && !unknown: // a block we do not know may well be the call
		c.report("R103", path, "answers no call of the message before", "drop it, or keep the assistant message with the call")
	case use != nil && use.ToolsetName != b.ToolsetName:
		c.report("R118", blockPath(m, j)+".toolset_name", "differs from the call's", "use ToolUseBlock.Result, which copies it")
	}
}

// answeringTurn returns the turn that answers the calls of one: the next, or the
// one behind a message of the system.
func (c *checker) answeringTurn(t turn) turn {
	next := c.nextTurn(t.to)
	if c.r.Messages[t.to].Role == RoleSystem && next.to < len(c.r.Messages) {
		next = c.nextTurn(next.to)
	}
	return next
}

// mayAnswer reports whether a turn has a result with the id, or a block we do not
// know, which may well be it.
func (c *checker) mayAnswer(t turn, id string) bool {
	for m := t.from; m < t.to; m++ {
		for _, b := range c.r.Messages[m].Content {
			switch b := b.(type) {
			case *ToolResultBlock:
				if b != nil && b.ToolUseID == id {
					return true
				}
			case *UnknownBlock:
				return true
			}
		}
	}
	return false
}

// findUse returns the call that a result of turn t answers, nil if there is none,
// and whether there is a block we do not know.
func (c *checker) findUse(t turn, id string) (use *ToolUseBlock, unknown bool) {
	end := t.from
	for end > 0 && c.r.Messages[end-1].Role == RoleSystem {
		end--
	}
	for m := end - 1; m >= 0 && c.r.Messages[m].Role == RoleAssistant; m-- {
		for _, b := range c.r.Messages[m].Content {
			switch b := b.(type) {
			case *ToolUseBlock:
				if b != nil && b.ID == id {
					return b, unknown
				}
			case *UnknownBlock:
				unknown = true
			}
		}
	}
	return nil, unknown
}

// longTurn finds calls and results in a turn that has many, so that its length
// does not count squared.
type longTurn struct {
	uses    map[string]*ToolUseBlock
	results map[string]bool
	unknown bool // it has a block we do not know
}

// isLong reports whether looking a turn's blocks through for each is too slow.
func (c *checker) isLong(t turn) bool {
	const few = 32
	n := 0
	for m := t.from; m < t.to && n <= few; m++ {
		n += 1 + len(c.r.Messages[m].Content)
	}
	return n > few
}

func (c *checker) indexTurn(t turn) *longTurn {
	l := &longTurn{uses: make(map[string]*ToolUseBlock), results: make(map[string]bool)}
	for m := t.from; m < t.to; m++ {
		for _, b := range c.r.Messages[m].Content {
			switch b := b.(type) {
			case *ToolUseBlock:
				if b != nil {
					l.uses[b.ID] = b
				}
			case *ToolResultBlock:
				if b != nil {
					l.results[b.ToolUseID] = true
				}
			case *UnknownBlock:
				l.unknown = true
			}
		}
	}
	return l
}

// compacted reports whether a message begins with a compaction, which stands for
// the turns before it.
func compacted(m *Message) bool {
	if len(m.Content) == 0 {
		return false
	}
	u, ok := m.Content[0].(*UnknownBlock)
	return ok && u != nil && u.Type == "compaction"
}

// hasServerResult reports whether a server tool's call has its result in its turn.
func (c *checker) hasServerResult(id string, t turn) bool {
	for m := t.from; m < t.to; m++ {
		for _, b := range c.r.Messages[m].Content {
			if serverResultOf(b) == id {
				return true
			}
			if _, ok := b.(*UnknownBlock); ok {
				return true // it may well be
			}
		}
	}
	return false
}

// serverResultOf returns the id of the call that a server tool's result answers.
func serverResultOf(b Block) string {
	if isNil(b) {
		return ""
	}
	switch b := b.(type) {
	case *WebSearchToolResultBlock:
		return b.ToolUseID
	case *WebFetchToolResultBlock:
		return b.ToolUseID
	case *CodeExecutionToolResultBlock:
		return b.ToolUseID
	case *BashCodeExecutionToolResultBlock:
		return b.ToolUseID
	case *TextEditorCodeExecutionToolResultBlock:
		return b.ToolUseID
	case *ToolSearchToolResultBlock:
		return b.ToolUseID
	}
	return ""
}

// idSet is a set of ids that allocates only when it grows.
type idSet struct {
	few  [16]string
	n    int
	many map[string]bool
}

// add adds an id and reports whether it is new.
func (s *idSet) add(id string) bool {
	if s.many != nil {
		if s.many[id] {
			return false
		}
		s.many[id] = true
		return true
	}
	for _, have := range s.few[:s.n] {
		if have == id {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = id
		s.n++
		return true
	}
	s.many = make(map[string]bool, 4*len(s.few))
	for _, have := range s.few {
		s.many[have] = true
	}
	s.many[id] = true
	return true
}

// word reports whether s is made of letters, digits and _, and - where dash says.
func word(s string, dash bool) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', dash && b == '-':
		default:
			return false
		}
	}
	return s != ""
}

// checkCaching checks the breakpoints of the prompt cache, in the order tools,
// system, messages.
func (c *checker) checkCaching() {
	var k cacheCheck
	if r := c.r; r.CacheControl != nil {
		k.automatic = r.CacheControl
		c.checkTTL(r.CacheControl, "cache_control")
	}
	for i, t := range c.r.Tools {
		if cc := toolCache(t); cc != nil {
			c.markCache(&k, cc, index("tools", i))
		}
	}
	for i, b := range c.r.System {
		if cc := blockCache(b); cc != nil {
			c.markCache(&k, cc, index("system", i))
		}
	}
	for i := range c.r.Messages {
		for j, b := range c.r.Messages[i].Content {
			if r, ok := b.(*ToolResultBlock); ok && r != nil {
				for n, inner := range r.Content {
					if cc := blockCache(inner); cc != nil {
						path := index(blockPath(i, j)+".content", n)
						if r.CacheControl != nil {
							c.report("R137", path+".cache_control", "stands inside a result that has one too", "keep one of them")
						}
						c.markCache(&k, cc, path)
					}
				}
			}
			if cc := blockCache(b); cc != nil {
				c.markCache(&k, cc, blockPath(i, j))
				k.last = cc
			} else {
				k.last = nil
			}
		}
	}
	if k.automatic != nil && k.last != nil && k.last.TTL.or5m() != k.automatic.TTL.or5m() {
		c.report("R136", "cache_control.ttl", "differs from the one of the last block", "set both alike")
	}
	if k.automatic != nil && k.last == nil {
		k.count++
	}
	if k.count > 4 {
		path := k.fifth
		if path == "" {
			path = "cache_control"
		}
		c.report("R131", path, fmt.Sprintf("is one of %d cache breakpoints, the API takes 4", k.count), "remove the earliest ones")
	}
}

// cacheCheck goes over the cache breakpoints of a request.
type cacheCheck struct {
	count     int
	fifth     string // path of the first one too many
	short     bool   // one of five minutes was seen
	automatic *CacheControl
	last      *CacheControl
}

func (c *checker) markCache(k *cacheCheck, cc *CacheControl, path string) {
	k.count++
	if k.count == 5 {
		k.fifth = path + ".cache_control"
	}
	c.checkTTL(cc, path+".cache_control")
	if cc.TTL.or5m() == Cache5m {
		k.short = true
	} else if k.short {
		c.report("R135", path+".cache_control.ttl", "1h comes after a breakpoint of 5m", "put the longer-lived ones first")
	}
}

func (c *checker) checkTTL(cc *CacheControl, path string) {
	if cc.TTL != "" && cc.TTL != Cache5m && cc.TTL != Cache1h {
		c.report("R134", path+".ttl", "is neither 5m nor 1h", "set one of them")
	}
}

func (t CacheTTL) or5m() CacheTTL {
	if t == "" {
		return Cache5m
	}
	return t
}

// blockCache returns the breakpoint on a block, nil if there is none.
func blockCache(b Block) *CacheControl {
	if isNil(b) {
		return nil
	}
	switch b := b.(type) {
	case *TextBlock:
		return b.CacheControl
	case *ImageBlock:
		return b.CacheControl
	case *DocumentBlock:
		return b.CacheControl
	case *SearchResultBlock:
		return b.CacheControl
	case *ToolUseBlock:
		return b.CacheControl
	case *ToolResultBlock:
		return b.CacheControl
	case *ServerToolUseBlock:
		return b.CacheControl
	case *WebSearchToolResultBlock:
		return b.CacheControl
	case *WebFetchToolResultBlock:
		return b.CacheControl
	case *CodeExecutionToolResultBlock:
		return b.CacheControl
	case *BashCodeExecutionToolResultBlock:
		return b.CacheControl
	case *TextEditorCodeExecutionToolResultBlock:
		return b.CacheControl
	case *ToolSearchToolResultBlock:
		return b.CacheControl
	case *ContainerUploadBlock:
		return b.CacheControl
	case *ToolReferenceBlock:
		return b.CacheControl
	case *BrowserStateBlock:
		return b.CacheControl
	}
	return nil
}

// toolCache returns the breakpoint on a tool, nil if there is none.
func toolCache(t Tool) *CacheControl {
	if isNil(t) {
		return nil
	}
	switch t := t.(type) {
	case *Toolset:
		return t.CacheControl
	case interface{ options() *ToolOptions }:
		return t.options().CacheControl
	}
	return nil
}

package explain

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/steadfast-go/claude"
)

// maxText is how much of a text is looked at, in bytes: its beginning, where the
// error is in most texts, and its end, where it is in a log.
const maxText = 32 << 10

// An Answer is what a text was recognised as.
type Answer struct {
	Known  bool           // whether it was recognised
	As     string         // what it is, such as "curl: could not resolve host"
	Class  claude.Class   // what went wrong; [claude.ErrUnknown] if it was not recognised
	Also   []claude.Class // what else it may be, where the text leaves that open
	Status int            // the HTTP status that the text names; 0 if none
	Advice claude.Advice  // what to do
}

// Text recognises a text.
func Text(text string) Answer {
	text = normal(text)
	for _, find := range []func(string) (Answer, bool){ownLine, envelope, page, first, plainStatus, second} {
		if a, ok := find(text); ok {
			a.Known, a.Class = true, a.Advice.Class
			return a
		}
	}
	return Answer{Class: claude.ErrUnknown}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// normal takes out of a text what terminals and mail put into it.
func normal(text string) string {
	if len(text) > maxText {
		text = text[:maxText/2] + "\n" + text[len(text)-maxText/2:]
	}
	text = escapes.ReplaceAllString(text, "")
	text = strings.NewReplacer("“", `"`, "”", `"`, "‘", "'", "’", "'", "\u00a0", " ", "\r", "\n", "\ufeff", "").Replace(text)
	return strings.TrimSpace(strings.ToValidUTF8(text, ""))
}

// answer makes the answer of a row of the table.
func (r *row) answer() Answer {
	a := Answer{As: r.as, Also: r.also, Advice: claude.Explain(r.class)}
	a.refine(r)
	return a
}

// refine puts before the advice of a class what the row knows beyond it.
func (a *Answer) refine(r *row) {
	if r.cause != "" {
		a.Advice.Causes = append([]string{r.cause}, a.Advice.Causes...)
	}
	actions := slices.Clone(r.do)
	for _, action := range a.Advice.Actions {
		if !slices.Contains(actions, action) {
			actions = append(actions, action)
		}
	}
	a.Advice.Actions = actions
}

// match returns the first row of the table that fits and that a text matches, nil for
// none.
func match(text string, fits func(*row) bool) *row {
	for i := range table {
		if r := &table[i]; fits(r) && r.matches(text) {
			return r
		}
	}
	return nil
}

// ownLine knows the errors of this module, which begin with operation and class.
func ownLine(text string) (Answer, bool) {
	m := ownError.FindStringSubmatch(text)
	if m == nil {
		return Answer{}, false
	}
	class := claude.Class(m[1])
	if claude.Explain(class).Summary == claude.Explain(claude.ErrUnknown).Summary {
		return Answer{}, false // a class that this version does not know, or no class
	}
	a := Answer{As: "an error of this module", Advice: claude.Explain(class)}
	if e := apiError(text); e != nil && e.Class() == class {
		a.Advice = claude.Explain(e)
	}
	if r := match(text, func(r *row) bool { return r.class == class }); r != nil {
		a.refine(r)
	}
	return a, true
}

var ownError = regexp.MustCompile(`\b(?:(?:messages|models|batches|files)\.[a-z_]{2,24}|check response): ([a-z_]{3,24})(?: \(|:|$)`)

// apiError finds the type and message of an API error in a line of this module,
// which shows them as "400 invalid_request_error [code]: message".
func apiError(text string) *claude.APIError {
	m := ownAPIError.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return &claude.APIError{Status: number(m[1]), Type: m[2], Code: m[3], Message: m[4], RequestID: unknownID(m[2])}
}

var ownAPIError = regexp.MustCompile(`\b([1-5]\d\d) ([a-z_]+_error|request_too_large|forbidden)(?: \[([a-z_]+)\])?(?:: (.*))?`)

// page knows a page of HTML that stands where an answer should.
func page(text string) (Answer, bool) {
	start := htmlStart.FindStringIndex(text)
	if start == nil {
		return Answer{}, false
	}
	if r := match(text, func(r *row) bool { return r.page }); r != nil {
		return r.answer(), true
	}
	status := statusIn(text[:start[0]])
	if status == 0 {
		if m := pageStatus.FindStringSubmatch(text); m != nil {
			status = number(m[1])
		}
	}
	shown := status
	if status == 0 {
		status = http.StatusOK // where a page can pass for an answer
	}
	a := Answer{As: "a page of HTML in place of an answer", Status: shown, Advice: claude.Explain(check(status, "text/html", text[start[0]:]))}
	return a, a.Advice.Class != ""
}

var (
	htmlStart  = regexp.MustCompile(`(?i)<!doctype html|<html\b|<head>|<title>`)
	pageStatus = regexp.MustCompile(`(?i)<(?:title|h1)[^>]*>[^<]{0,80}?\b([45]\d\d)\b`)
)

// check judges an answer as the client would.
func check(status int, contentType, body string) error {
	request := &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "api.anthropic.com", Path: "/v1/messages"}}
	return claude.CheckResponse(&http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Request: request,
		Body: io.NopCloser(strings.NewReader(body)),
	})
}

// first knows a text by the rows that say more than a status does.
func first(text string) (Answer, bool) { return byTable(text, false) }

// second knows a text by the rows that say less than a status does.
func second(text string) (Answer, bool) { return byTable(text, true) }

func byTable(text string, weak bool) (Answer, bool) {
	r := match(text, func(r *row) bool { return r.weak == weak && !r.page })
	if r == nil {
		return Answer{}, false
	}
	a := r.answer()
	a.Status = statusIn(text)
	return a, true
}

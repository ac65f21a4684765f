package claude

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/steadfast-go/claude/internal/redact"
)

// A Secret is a text that does not show itself: every way of printing it,
// encoding it or logging it gives "[redacted]". Only [Secret.Reveal] gives it
// away.
type Secret struct{ value *string } // a pointer: fmt reads unexported fields without asking Format

// NewSecret returns a Secret.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String returns "[redacted]".
func (s Secret) String() string { return redact.Mask }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redact.Mask }

// Format writes "[redacted]" for every verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(redact.Mask)) }

// MarshalText returns "[redacted]"; encoding/json uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redact.Mask), nil }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redact.Mask) }

// AuthScheme is how a credential is sent.
type AuthScheme string

// The schemes.
const (
	AuthAPIKey AuthScheme = "x-api-key" // the X-Api-Key header; the default for API keys
	AuthBearer AuthScheme = "bearer"    // Authorization: Bearer; the default for auth tokens
)

// A Token is a credential ready to be sent.
type Token struct {
	Secret  Secret
	Scheme  AuthScheme // empty means [AuthAPIKey]
	Source  string     // where it comes from, for people: "ANTHROPIC_API_KEY", "vault"
	Expires time.Time  // zero if it does not, or nobody knows
}

// A Credential hands out the token for each attempt. Implement it to bring keys
// from a secret store or to rotate them; it is called for every attempt and may
// be called by many goroutines at once, so it should cache. Its error ends the
// call as a [*ConfigError].
type Credential interface {
	Token(ctx context.Context) (Token, error)
}

// CredentialInfo says which credential a client uses, without the secret.
type CredentialInfo struct {
	Scheme AuthScheme // how it is sent
	Source string     // where it comes from
}

// staticCredential never changes. Its secret has been checked.
type staticCredential struct {
	token  Token
	header string // the value of its header
}

func newStaticCredential(value, source string, scheme AuthScheme) *staticCredential {
	token := Token{Secret: NewSecret(value), Scheme: scheme, Source: source}
	return &staticCredential{token, token.header()}
}

func (c *staticCredential) Token(context.Context) (Token, error) { return c.token, nil }

// header is the value of the header that the token goes into.
func (t *Token) header() string {
	if t.Scheme == AuthBearer {
		return "Bearer " + t.Secret.Reveal()
	}
	return t.Secret.Reveal()
}

// setCredential gets a credential's token and makes it the only one of a request.
func setCredential(ctx context.Context, h http.Header, cred Credential) (token Token, err error) {
	var value string
	if static, ok := cred.(*staticCredential); ok {
		token, value = static.token, static.header
	} else {
		if token, err = cred.Token(ctx); err != nil {
			return token, &ConfigError{Field: "Credential", Problem: "gave no token", Err: err}
		}
		if problem := checkSecret(token.Secret.Reveal()); problem != "" {
			return token, &ConfigError{Field: "Credential", Problem: "the token " + problem}
		}
		value = token.header()
	}
	set, other := "X-Api-Key", "Authorization"
	if token.Scheme == AuthBearer {
		set, other = other, set
	}
	h[set] = []string{value} // its own: a base that masks keys for its log may write into it
	delete(h, other)
	return token, nil
}

// checkSecret says what is wrong with the shape of a key or token; "" if nothing
// is. It never quotes it.
func checkSecret(s string) string {
	switch {
	case s == "":
		return "is empty"
	case strings.ContainsAny(s, "\r\n"):
		return "contains a line break: remove it, often it ends the file the key was read from"
	case len(s) > 7 && strings.EqualFold(s[:7], "bearer "):
		return `starts with "Bearer ": give the token alone`
	case strings.ContainsAny(s, " \t"):
		return "contains a space: remove it"
	case strings.ContainsAny(s, "\"'`“”‘’"):
		return "contains a quotation mark: give the value without quotes"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "contains a character that no header may carry: copy it again"
		}
	}
	return ""
}

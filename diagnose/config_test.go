package diagnose_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/nettest"
)

// configured makes the first two steps of a diagnosis, which send nothing.
func configured(t *testing.T, cfg diagnose.Config) (*diagnose.Report, diagnose.Step) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if cfg.Environ == nil {
		cfg.Environ = []string{}
	}
	if cfg.FS == nil {
		cfg.FS = nothing
	}
	cfg.OnStep = func(s diagnose.Step) {
		if s.ID == "environment" && s.Status != diagnose.StatusRunning {
			cancel()
		}
	}
	report := diagnose.Run(ctx, cfg)
	holds(t, report)
	leavesNoSecret(t, report, nil)
	return report, step(t, report, "configuration")
}

// set is an environment with a key that looks right, and more.
func set(more ...string) []string { return append([]string{"ANTHROPIC_API_KEY=" + testKey}, more...) }

func TestWhatIsWrongWithAKeyIsSeenWithoutSendingIt(t *testing.T) {
	for name, tc := range map[string]struct {
		key  string
		says string
	}{
		"a line break":             {testKey + "\n", "contains a line break"},
		"quotes":                   {`"` + testKey + `"`, "contains a quotation mark"},
		"typographic quotes":       {"“" + testKey + "”", "contains a quotation mark"},
		"the scheme before it":     {"Bearer " + testKey, `starts with "Bearer "`},
		"a space in it":            {testKey[:20] + " " + testKey[20:], "contains a space"},
		"an ellipsis":              {"sk-ant-api03-Ab3…", "no header may carry"},
		"OpenAI's":                 {"sk-proj-" + filler, "a key of OpenAI"},
		"OpenRouter's":             {"sk-or-v1-" + filler, "a key of OpenRouter"},
		"an old one of OpenAI's":   {"sk-" + filler, "a key of another vendor"},
		"Google's":                 {"AIzaSy" + filler, "a key of Google"},
		"Groq's":                   {"gsk_" + filler, "a key of Groq"},
		"xAI's":                    {"xai-" + filler, "a key of xAI"},
		"AWS's":                    {"AKIA" + "0123456789ABCDEF", "a key of AWS"},
		"GitHub's":                 {"ghp_" + filler, "a key of GitHub"},
		"a placeholder":            {"your-api-key", "a placeholder"},
		"another":                  {"YOUR_API_KEY_HERE", "a placeholder"},
		"one of the right form":    {"sk-ant-xxxxxxxxxxxx", "a placeholder"},
		"one with dots":            {"sk-ant-...", "a placeholder"},
		"one in brackets":          {"<key>", "a placeholder"},
		"a variable":               {"$ANTHROPIC_API_KEY", "a variable that nobody put in place"},
		"one of a template":        {"{{.Values.apiKey}}", "a variable that nobody put in place"},
		"one of Windows":           {"%ANTHROPIC_API_KEY%", "a variable that nobody put in place"},
		"what JavaScript makes":    {"undefined", "a placeholder"},
		"an OAuth token":           {"sk-ant-oat01-" + filler, "ANTHROPIC_AUTH_TOKEN"},
		"a browser's session":      {"sk-ant-sid01-" + filler, "the cookie of a browser's session"},
		"the token that makes one": {"sk-ant-ort01-" + filler, "an OAuth refresh token"},
	} {
		t.Run(name, func(t *testing.T) {
			report, s := configured(t, diagnose.Config{Environ: []string{"ANTHROPIC_API_KEY=" + tc.key}})
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Contains(t, s.Finding, tc.says)
			assert.Contains(t, s.Finding, "ANTHROPIC_API_KEY")
			assert.Equal(t, diagnose.WrongKey, report.Verdict.Name)
			assert.Equal(t, claude.PartyYou, report.Verdict.Who)
			assert.Contains(t, report.Verdict.First, tc.says)
			if word := strings.Trim(tc.key, "\"“”\n "); len(word) > 20 {
				assert.NotContains(t, report.String(), word)
				assert.NotContains(t, report.String(), word[len(word)-12:])
			}
		})
	}
}

func TestAKeyThatMayBeWrongIsAWarning(t *testing.T) {
	for name, tc := range map[string]struct{ key, says string }{
		"cut":       {testKey[:60], "the key has 60 characters, and such keys have 108"},
		"too long":  {testKey + "x", "the key has 109 characters"},
		"for admin": {"sk-ant-admin01-" + filler, "an Admin API key"},
	} {
		_, s := configured(t, diagnose.Config{Environ: []string{"ANTHROPIC_API_KEY=" + tc.key}})
		assert.Equal(t, diagnose.StatusWarning, s.Status, name)
		assert.Contains(t, s.Finding, tc.says, name)
		assert.NotEmpty(t, s.Actions, name)
	}
}

func TestAGatewayMayHaveKeysOfAnyForm(t *testing.T) {
	for _, key := range []string{"dummy", "sk-proj-" + filler, "anything.at-all", "sk-ant-api03-short"} {
		_, s := configured(t, diagnose.Config{Environ: []string{"ANTHROPIC_API_KEY=" + key, "ANTHROPIC_BASE_URL=http://127.0.0.1:4000"}})
		assert.Equal(t, diagnose.StatusOK, s.Status, key)
	}
}

func TestTheCredentialThatWinsIsNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg    diagnose.Config
		status diagnose.Status
		says   string
	}{
		"the key alone":     {diagnose.Config{Environ: set()}, diagnose.StatusOK, "ANTHROPIC_API_KEY, an API key (sk-ant-api…), 108 characters, sent as X-Api-Key"},
		"the token alone":   {diagnose.Config{Environ: []string{"ANTHROPIC_AUTH_TOKEN=" + testToken}}, diagnose.StatusOK, "ANTHROPIC_AUTH_TOKEN, 24 characters, of no form that is known here, sent as Authorization: Bearer"},
		"both (P67)":        {diagnose.Config{Environ: set("ANTHROPIC_AUTH_TOKEN=" + testToken)}, diagnose.StatusWarning, "ANTHROPIC_API_KEY, an API key"},
		"an option and one": {diagnose.Config{AuthToken: testToken, Environ: set()}, diagnose.StatusOK, "Config.AuthToken, 24 characters"},
		"sent differently":  {diagnose.Config{Environ: set(), AuthScheme: claude.AuthBearer}, diagnose.StatusOK, "sent as Authorization: Bearer"},
		"one of a program's": {
			diagnose.Config{Credential: credential{claude.Token{Secret: claude.NewSecret(testToken), Source: "the vault", Expires: time.Date(2027, 1, 2, 3, 4, 0, 0, time.UTC)}}},
			diagnose.StatusOK, "Config.Credential (the vault), 24 characters, of no form that is known here, sent as X-Api-Key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.cfg.BaseURL = "https://gateway.example"
			_, s := configured(t, tc.cfg)
			assert.Equal(t, tc.status, s.Status)
			assert.Contains(t, seen(s, "credential"), tc.says)
		})
	}
}

// credential hands out a token, or fails without one.
type credential struct{ token claude.Token }

func (c credential) Token(context.Context) (claude.Token, error) {
	if c.token.Secret.Reveal() == "" {
		return c.token, errors.New("the vault is sealed")
	}
	return c.token, nil
}

func TestAMissingKeyIsLookedForWhereItMayBe(t *testing.T) {
	home := "HOME=/home/me"
	for name, tc := range map[string]struct {
		environ []string
		files   fstest.MapFS
		name    string
		says    string // the cause
		first   string
	}{
		"nowhere":                {[]string{home}, nil, diagnose.NoKey, "A shell's export does not reach services", "For a missing key: create one"},
		"empty":                  {[]string{"ANTHROPIC_API_KEY="}, nil, diagnose.NoKey, "", "For a missing key"},
		"under another name":     {[]string{"CLAUDE_API_KEY=" + testKey}, nil, diagnose.NoKey, "CLAUDE_API_KEY is set, which this client does not read", "Rename CLAUDE_API_KEY to ANTHROPIC_API_KEY"},
		"in small letters":       {[]string{"anthropic_api_key=" + testKey}, nil, diagnose.NoKey, "anthropic_api_key is set", "Rename anthropic_api_key"},
		"set and not exported":   {[]string{home}, files("home/me/.bashrc", "# mine\nANTHROPIC_API_KEY="+testKey+"\n"), diagnose.NotExported, "~/.bashrc, line 2, but nothing puts it into the environment", "Export the variable"},
		"exported, but not read": {[]string{home}, files("home/me/.zshrc", "export ANTHROPIC_API_KEY="+testKey+"\n"), diagnose.NotExported, "~/.zshrc, line 1, but this process was not started by a shell that has read it", "Start the program from a new terminal"},
		"in a .env file":         {[]string{home, "PWD=/srv/app"}, files("srv/app/.env", "\nANTHROPIC_API_KEY=\""+testKey+"\"\n"), diagnose.NotExported, "/srv/app/.env, line 2", "load the .env file"},
		"in a comment":           {[]string{home}, files("home/me/.profile", "# export ANTHROPIC_API_KEY=x"), diagnose.NoKey, "", "For a missing key"},
		"taken away by sudo":     {[]string{"SUDO_USER=me"}, nil, diagnose.NoKey, "runs under sudo", "sudo --preserve-env=ANTHROPIC_API_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "in small letters" {
				sameCase(t)
			}
			report, s := configured(t, diagnose.Config{Environ: tc.environ, FS: tc.files})
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Equal(t, claude.ErrConfig, s.Class)
			assert.Contains(t, s.Cause, tc.says)
			assert.Equal(t, tc.name, report.Verdict.Name)
			assert.Contains(t, report.Verdict.First, tc.first)
			if tc.name == diagnose.NotExported {
				require.NotEmpty(t, report.CurlDiffers)
				assert.Contains(t, report.CurlDiffers[0], "not exported")
			}
		})
	}
}

func files(pairs ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return all
}

func TestAMissingKeyDoesNotEndTheDiagnosis(t *testing.T) {
	cfg := api(t)
	cfg.APIKey = ""
	cfg.Environ = []string{"HOME=/home/me"}
	cfg.FS = files("home/me/.bashrc", "ANTHROPIC_API_KEY="+testKey)
	report := diagnosed(t, cfg)
	assert.Equal(t, diagnose.NotExported, report.Verdict.Name)
	assert.Equal(t, diagnose.StatusOK, step(t, report, "http").Status, "the way is looked at all the same")
	for _, id := range []string{"auth", "model", "count", "message"} {
		assert.Equal(t, diagnose.StatusSkipped, step(t, report, id).Status)
	}
	golden(t, "no_key", report)
}

func TestAnotherVendorsKeyIsNotSent(t *testing.T) {
	cfg := theProviders(t, api(t))
	cfg.APIKey, cfg.Environ = "", []string{"ANTHROPIC_API_KEY=sk-proj-" + filler}
	report := diagnosed(t, cfg)
	assert.Equal(t, diagnose.WrongKey, report.Verdict.Name)
	assert.Equal(t, diagnose.StatusSkipped, step(t, report, "auth").Status)
	golden(t, "wrong_vendor", report)
}

func TestBaseURLs(t *testing.T) {
	for given, tc := range map[string]struct {
		endpoint string // empty if nothing may be sent there
		status   diagnose.Status
		says     string
	}{
		"":                                  {"https://api.anthropic.com/v1/messages", diagnose.StatusOK, ""},
		"https://gateway.example":           {"https://gateway.example/v1/messages", diagnose.StatusOK, ""},
		"https://gateway.example/v1":        {"https://gateway.example/v1/messages", diagnose.StatusOK, ""},
		"https://gateway.example/v1/":       {"https://gateway.example/v1/messages", diagnose.StatusOK, ""},
		"https://gateway.example/anthropic": {"https://gateway.example/anthropic/v1/messages", diagnose.StatusOK, ""},
		"https://gateway.example/v1/chat/completions":     {"https://gateway.example/v1/chat/completions/v1/messages", diagnose.StatusWarning, "ends in the path of another API"},
		"https://api.anthropic.com/anthropic":             {"https://api.anthropic.com/anthropic/v1/messages", diagnose.StatusWarning, "has a path, /anthropic"},
		"https://bedrock-runtime.us-east-1.amazonaws.com": {"https://bedrock-runtime.us-east-1.amazonaws.com/v1/messages", diagnose.StatusWarning, "a cloud platform"},
		"api.anthropic.com":                               {"", diagnose.StatusFailed, "has no scheme"},
		"http://gateway.example":                          {"", diagnose.StatusFailed, "is plain http to another machine"},
		"https://me:hunter2@gateway.test":                 {"", diagnose.StatusFailed, "contains a user or password"},
		"https://gateway.test/?key=" + testToken:          {"", diagnose.StatusFailed, "has a query"},
		"https://console.anthropic.com":                   {"", diagnose.StatusFailed, "is the console: the API is at https://api.anthropic.com"},
		"https://claude.ai":                               {"", diagnose.StatusFailed, "is the chat"},
		"https://api.openai.com/v1":                       {"", diagnose.StatusFailed, "is the API of OpenAI"},
		"https://api.antropic.com":                        {"", diagnose.StatusFailed, "looks like a misspelt api.anthropic.com"},
		"https://api.anthropic.ai":                        {"", diagnose.StatusFailed, "looks like a misspelt"},
		"https://api.anthropic.com:port":                  {"", diagnose.StatusFailed, "is not a URL"},
	} {
		t.Run(given, func(t *testing.T) {
			environ := set()
			if given != "" {
				environ = append(environ, "ANTHROPIC_BASE_URL="+given)
			}
			report, s := configured(t, diagnose.Config{Environ: environ})
			assert.Equal(t, tc.status, s.Status, s.Finding)
			assert.Contains(t, s.Finding, tc.says)
			if tc.status != diagnose.StatusFailed {
				assert.Equal(t, tc.endpoint, report.Endpoint)
				return
			}
			assert.Contains(t, s.Finding, "ANTHROPIC_BASE_URL")
			assert.Equal(t, "configuration", report.Verdict.Step)
			assert.Equal(t, claude.PartyYou, report.Verdict.Who)
			for _, id := range []string{"proxy", "dns", "http", "auth", "status"} {
				assert.Equal(t, diagnose.StatusSkipped, step(t, report, id).Status)
			}
		})
	}
	t.Run("plain http where it is allowed", func(t *testing.T) {
		report, s := configured(t, diagnose.Config{Environ: set(), BaseURL: "http://gateway.example", PlainHTTP: true})
		assert.Equal(t, diagnose.StatusOK, s.Status)
		assert.Equal(t, "http://gateway.example/v1/messages", report.Endpoint)
	})
	t.Run("under another name", func(t *testing.T) {
		_, s := configured(t, diagnose.Config{Environ: set("ANTHROPIC_API_URL=https://gateway.example")})
		assert.Equal(t, diagnose.StatusWarning, s.Status)
		assert.Contains(t, s.Finding, "ANTHROPIC_API_URL is set, but the variable is ANTHROPIC_BASE_URL")
	})
}

func TestTheRestOfTheConfigurationIsChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  diagnose.Config
		says string
	}{
		"a proxy":               {diagnose.Config{Proxy: "ftp://proxy"}, "Proxy has another scheme"},
		"a network":             {diagnose.Config{Network: "udp"}, "Network is neither"},
		"authorities":           {diagnose.Config{RootCAs: []byte("none")}, "RootCAs holds no certificate"},
		"two credentials":       {diagnose.Config{APIKey: testKey, AuthToken: testToken}, "give one"},
		"a credential":          {diagnose.Config{Credential: credential{}}, "gave no token: the vault is sealed"},
		"a header that is none": {diagnose.Config{Environ: set("ANTHROPIC_CUSTOM_HEADERS=nonsense")}, `ANTHROPIC_CUSTOM_HEADERS has a line that is not "Name: value"`},
		"one with a credential": {diagnose.Config{Environ: set("ANTHROPIC_CUSTOM_HEADERS=X-Api-Key: " + testToken)}, "ANTHROPIC_CUSTOM_HEADERS \"X-Api-Key\" carries a credential"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.cfg.Environ == nil && tc.cfg.APIKey == "" && tc.cfg.Credential == nil {
				tc.cfg.Environ = set()
			}
			report, s := configured(t, tc.cfg)
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Contains(t, s.Finding, tc.says)
			assert.Equal(t, claude.PartyYou, report.Verdict.Who)
		})
	}
}

func TestVariablesAreShownWithoutTheirSecrets(t *testing.T) {
	cert := nettest.NewAuthority(t, "Company Root")
	_, s := configured(t, diagnose.Config{
		Environ: set("ANTHROPIC_AUTH_TOKEN="+testToken, "HTTPS_PROXY=http://me:"+shortPassword+"@proxy:3128", "https_proxy=http://me:p%23q@[broken", "NO_PROXY=localhost,.example.com",
			"SSL_CERT_FILE=/etc/corp.pem", "SSL_CERT_DIR=/etc/certs:/gone", "NODE_EXTRA_CA_CERTS=/etc/corp.pem", "GODEBUG=http2client=0",
			"ANTHROPIC_CUSTOM_HEADERS=X-Team: blue\nX-Gateway-Key: "+testToken),
		FS: files("etc/corp.pem", string(cert.PEM()), "etc/certs/a.pem", "", "etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
	})
	assert.Contains(t, seen(s, "versions"), "Debian GNU/Linux 12")
	assert.Contains(t, seen(s, "versions"), claude.Version)
	assert.Equal(t, "http://proxy:3128, with user and password", seen(s, "HTTPS_PROXY"))
	assert.Equal(t, "set, but not a URL", seen(s, "https_proxy"))
	assert.Equal(t, "localhost,.example.com", seen(s, "NO_PROXY"))
	assert.Equal(t, "/etc/corp.pem; Node.js reads it, Go does not", seen(s, "NODE_EXTRA_CA_CERTS"))
	assert.Equal(t, "X-Team, X-Gateway-Key, from ANTHROPIC_CUSTOM_HEADERS", seen(s, "more headers"))
	assert.Contains(t, seen(s, "SSL_CERT_FILE"), "/etc/corp.pem")
	for name, tc := range map[string]struct {
		entry string
		says  string
	}{
		"a file that is not there":       {"SSL_CERT_FILE=/gone.pem", "SSL_CERT_FILE names a file that cannot be read"},
		"a file without certificates":    {"SSL_CERT_FILE=/empty.pem", "SSL_CERT_FILE names a file without certificates"},
		"a folder that is not there":     {"SSL_CERT_DIR=/gone", "SSL_CERT_DIR names a folder that cannot be read"},
		"two cases that do not agree":    {"HTTPS_PROXY=http://a:1", ""},
		"a folder that is there is fine": {"SSL_CERT_DIR=/etc", ""},
	} {
		_, s := configured(t, diagnose.Config{Environ: set(tc.entry), FS: files("empty.pem", "", "etc/x", "")})
		if tc.says != "" && seen(s, "SSL_CERT_FILE") != "" && !strings.Contains(seen(s, "SSL_CERT_FILE"), "does not read") {
			assert.Equal(t, diagnose.StatusWarning, s.Status, name)
			assert.Equal(t, tc.says, s.Finding, name)
		}
	}
}

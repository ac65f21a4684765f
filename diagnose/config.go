package diagnose

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/steadfast-go/claude"
)

// header is one that the user adds.
type header struct{ name, value string }

// ours are the variables that the client reads.
var ours = []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"}

// Variables by which people mean ours.
var (
	misnamedKeys = []string{"ANTHROPIC_KEY", "ANTHROPIC_APIKEY", "ANTHROPIC_API_TOKEN", "ANTHROPIC_TOKEN", "ANTHROPIC_SECRET_KEY", "ANTHROPIC_ACCESS_TOKEN", "ANTHROPIC_CLAUDE_API_KEY", "ANTHROPIC_API_KEYS", "CLAUDE_API_KEY", "CLAUDE_KEY", "CLAUDE_TOKEN", "anthropic_api_key", "VITE_ANTHROPIC_API_KEY", "NEXT_PUBLIC_ANTHROPIC_API_KEY", "REACT_APP_ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"}
	misnamedURLs = []string{"ANTHROPIC_API_URL", "ANTHROPIC_URL", "ANTHROPIC_ENDPOINT", "ANTHROPIC_API_BASE", "ANTHROPIC_API_BASE_URL", "ANTHROPIC_API_ENDPOINT", "ANTHROPIC_HOST", "CLAUDE_BASE_URL", "anthropic_base_url"}
)

// proxyVariables decide about the proxy, or do so in other programs.
var proxyVariables = []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}

// strangers are variables of other programs that people set and Go does not read.
var strangers = []struct{ name, whose string }{
	{"NODE_EXTRA_CA_CERTS", "Node.js reads it"},
	{"REQUESTS_CA_BUNDLE", "Python's requests reads it"},
	{"CURL_CA_BUNDLE", "curl reads it"},
	{"AWS_CA_BUNDLE", "the tools of AWS read it"},
	{"NODE_TLS_REJECT_UNAUTHORIZED", "Node.js reads it"},
}

// configuration looks at what is configured, and sends nothing.
func (r *run) configuration(ctx context.Context, s *Step) {
	s.saw("versions", fmt.Sprintf("steadfast %s, %s, %s/%s%s", claude.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, r.system()))
	r.baseURL(s) //nolint:contextcheck // New takes no context
	r.credential(ctx, s)
	r.customHeaders(s) //nolint:contextcheck // New takes no context
	r.variables(s)
	r.certificates(s)
	r.probeOptions(s) //nolint:contextcheck // New takes no context
	if s.Status == StatusOK {
		s.Finding = "the credential is from " + r.source
	}
	if r.base == nil {
		r.blocked = "there is no base URL to go to"
	}
}

// system names the operating system.
func (r *run) system() string {
	data, err := fs.ReadFile(r.fsys, "etc/os-release")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return ", " + strings.Trim(name, `"`)
		}
	}
	return ""
}

// trouble records something wrong with the configuration. What comes first decides.
func (r *run) trouble(s *Step, name string, problem *claude.ConfigError) {
	problem.Problem = strings.TrimPrefix(problem.Problem, "the credential ")
	text := problem.Field + " " + problem.Problem
	if problem.Err != nil {
		text += ": " + problem.Err.Error()
	}
	if s.Status == StatusFailed {
		s.saw("also wrong", text)
		return
	}
	s.fail(problem, text)
	s.name = name
	aboutKey := name == NoKey || name == WrongKey
	var actions []string
	for _, a := range s.Actions[1:] { // the first is the problem itself
		if strings.Contains(a, "that the error names") || aboutKey == strings.Contains(a, "BASE_URL") {
			continue
		}
		actions = append(actions, a)
	}
	s.only(actions...)
	s.because("Nothing can be sent with this configuration: claude.New refuses it too.")
	if aboutKey {
		s.because("What stands in " + problem.Field + " is not a key of this API.")
	}
	if name != NoKey {
		s.first("Correct " + problem.Field + ", which " + text[len(problem.Field)+1:] + ".")
	}
}

// baseURL finds out where the API is.
func (r *run) baseURL(s *Step) {
	given, field := r.cfg.BaseURL, "BaseURL"
	if given == "" {
		given, field = r.env.get("ANTHROPIC_BASE_URL"), "ANTHROPIC_BASE_URL"
	}
	shown := r.shownURL(given)
	if given == "" {
		given, shown = defaultBaseURL, defaultBaseURL+", the default"
		if name, _ := r.env.first(misnamedURLs...); name != "" {
			s.saw("misnamed", name+" is set, which nobody reads: the variable is ANTHROPIC_BASE_URL")
			s.warn(name + " is set, but the variable is ANTHROPIC_BASE_URL: the default is used")
			s.only("Set ANTHROPIC_BASE_URL, not " + name + ", or unset it.")
		}
	} else {
		shown += ", from " + fromWhere(field)
	}
	s.saw("base URL", shown)
	options := []claude.Option{claude.WithAPIKey("probe"), claude.WithBaseURL(given)}
	if r.cfg.PlainHTTP {
		options = append(options, claude.WithPlainHTTP())
	}
	probe, err := claude.New(options...)
	if err != nil {
		if problem, ok := errors.AsType[*claude.ConfigError](err); ok && problem.Field == "WithBaseURL" {
			r.trouble(s, "", &claude.ConfigError{Field: field, Problem: problem.Problem})
			return
		}
	}
	if probe == nil { // the process's own ANTHROPIC_CUSTOM_HEADERS are wrong
		r.report.Endpoint = strings.TrimRight(given, "/") + "/v1/messages"
	} else {
		r.report.Endpoint = probe.Endpoint()
	}
	u, err := url.Parse(strings.TrimSuffix(r.report.Endpoint, "/v1/messages"))
	if err != nil {
		r.trouble(s, "", &claude.ConfigError{Field: field, Problem: "is not a URL such as " + defaultBaseURL})
		return
	}
	r.base, r.host, r.port, r.secure = u, u.Hostname(), u.Port(), u.Scheme == "https"
	if r.port == "" {
		r.port = map[bool]string{true: "443", false: "80"}[r.secure]
	}
	s.saw("endpoint", r.report.Endpoint)
	r.odditiesOfURL(s, field, given)
}

// shownURL is how a URL is shown: a query may hold a key.
func (r *run) shownURL(s string) string {
	s, _, _ = strings.Cut(s, "?")
	return strings.TrimSpace(s)
}

func fromWhere(field string) string {
	if strings.HasPrefix(field, "ANTHROPIC_") {
		return field
	}
	return "Config." + field
}

// websites look like the API and are not.
var websites = map[string]string{
	"claude.ai": "the chat", "www.claude.ai": "the chat", "claude.com": "a web site", "www.claude.com": "a web site",
	"anthropic.com": "a web site", "www.anthropic.com": "a web site", "console.anthropic.com": "the console",
	"platform.claude.com": "the console", "docs.anthropic.com": "the documentation", "docs.claude.com": "the documentation",
	"status.anthropic.com": "the status page", "status.claude.com": "the status page",
	"api.openai.com": "the API of OpenAI, which speaks another language", "generativelanguage.googleapis.com": "the API of Google, which speaks another language",
}

// odditiesOfURL finds base URLs that can be called and make no sense.
func (r *run) odditiesOfURL(s *Step, field, given string) {
	host := strings.ToLower(r.host)
	what := websites[host]
	refuse := func(problem string) {
		r.trouble(s, "", &claude.ConfigError{Field: field, Problem: problem})
		r.base = nil // the key must not go there
	}
	switch {
	case what != "":
		refuse("is " + what + ": the API is at " + defaultBaseURL)
		return
	case host != defaultHost && (distance(host, defaultHost) <= 2 || host == "api.claude.ai" || host == "api.anthropic.ai"):
		refuse("is not the API, but looks like a misspelt " + defaultHost + ": a key that is sent there is lost")
		return
	case strings.HasSuffix(host, ".amazonaws.com") && strings.HasPrefix(host, "bedrock"), strings.HasSuffix(host, "aiplatform.googleapis.com"):
		s.warn("the base URL is that of a cloud platform, whose API has other paths and credentials")
		s.only("Leave ANTHROPIC_BASE_URL unset for the API itself, or use a gateway that translates.")
		return
	}
	switch p := strings.TrimRight(r.base.Path, "/"); {
	case strings.HasSuffix(p, "/chat/completions"), strings.HasSuffix(p, "/completions"), strings.HasSuffix(p, "/responses"), strings.HasSuffix(p, "/complete"):
		s.warn("the base URL ends in the path of another API")
		s.only("Cut " + path.Base(p) + " and what belongs to it off the base URL: the client adds /v1/messages by itself.")
	case r.providers() && p != "":
		s.warn("the base URL has a path, " + p + ", which the provider's own API does not have")
		s.only("Make the base URL " + defaultBaseURL + ".")
	case strings.Contains(given, "/v1"):
		s.saw("", "the /v1 in it is taken off and added again, so it does no harm")
	}
}

// rooted makes a path of fs.FS of an absolute one; a drive of Windows falls off.
func rooted(file string) string {
	file = filepath.ToSlash(file)
	if len(file) > 1 && file[1] == ':' {
		file = file[2:]
	}
	return strings.TrimPrefix(path.Clean(file), "/")
}

// customHeaders reads ANTHROPIC_CUSTOM_HEADERS as the client does.
func (r *run) customHeaders(s *Step) {
	const field = "ANTHROPIC_CUSTOM_HEADERS"
	var names []string
	for line := range strings.Lines(r.env.get(field)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			r.trouble(s, "", &claude.ConfigError{Field: field, Problem: `has a line that is not "Name: value"`})
			continue
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		names = append(names, name)
		option := claude.Option(claude.WithHeader(name, value))
		if http.CanonicalHeaderKey(name) == "Anthropic-Beta" {
			var betas []string
			for b := range strings.SplitSeq(value, ",") {
				if b = strings.TrimSpace(b); b != "" {
					betas = append(betas, b)
				}
			}
			option = claude.WithBeta(betas...)
		}
		if problem := refused(claude.WithAPIKey("probe"), option); problem != nil {
			r.trouble(s, "", &claude.ConfigError{Field: field, Problem: problem.Problem})
			continue
		}
		r.custom = append(r.custom, header{name, value})
		r.options = append(r.options, option)
	}
	if names != nil {
		s.saw("more headers", strings.Join(names, ", ")+", from "+field)
	}
}

// variables shows which variables are set that matter.
func (r *run) variables(s *Step) {
	for _, name := range ours {
		if value, set := r.env.lookup(name); set && value == "" {
			s.saw(name, "set, but empty: counts as unset")
		} else if set && name != "ANTHROPIC_BASE_URL" && name != "ANTHROPIC_CUSTOM_HEADERS" {
			s.saw(name, describeKey(value))
		}
	}
	for _, name := range proxyVariables {
		if value := r.env.get(name); value != "" {
			s.saw(name, shownProxy(value))
		}
	}
	for _, name := range []string{"NO_PROXY", "no_proxy", "GODEBUG"} {
		if value := r.env.get(name); value != "" {
			s.saw(name, value)
		}
	}
	for _, v := range strangers {
		if value := r.env.get(v.name); value != "" && r.secure {
			s.saw(v.name, value+"; "+v.whose+", Go does not")
		}
	}
}

// readsCertVariables reports whether Go reads SSL_CERT_FILE here.
func readsCertVariables() bool {
	switch runtime.GOOS {
	case "windows", "darwin", "ios", "plan9":
		return false
	}
	return true
}

// certificates looks at SSL_CERT_FILE and SSL_CERT_DIR, and at Config.RootCAs.
func (r *run) certificates(s *Step) {
	if file := r.env.get("SSL_CERT_FILE"); file != "" {
		data, err := fs.ReadFile(r.fsys, rooted(r.absolute(file)))
		count := len(pemCertificates(data))
		switch {
		case !readsCertVariables():
			s.saw("SSL_CERT_FILE", file+"; Go does not read it on this system")
		case err != nil:
			s.saw("SSL_CERT_FILE", file+": cannot be read, "+cause(err))
			s.warn("SSL_CERT_FILE names a file that cannot be read")
			s.only("Correct SSL_CERT_FILE, or unset it: the system's own file is not read while it is set.")
		case count == 0:
			s.saw("SSL_CERT_FILE", file+": holds no certificate in PEM form")
			s.warn("SSL_CERT_FILE names a file without certificates")
			s.only("Make SSL_CERT_FILE a bundle in PEM form that holds the public authorities too.")
		default:
			s.saw("SSL_CERT_FILE", fmt.Sprintf("%s, with %d certificates, in place of the system's file", file, count))
		}
	}
	if dirs := r.env.get("SSL_CERT_DIR"); dirs != "" && readsCertVariables() {
		for dir := range strings.SplitSeq(dirs, ":") {
			if entries, err := fs.ReadDir(r.fsys, rooted(r.absolute(dir))); err != nil {
				s.saw("SSL_CERT_DIR", dir+": cannot be read, "+cause(err))
				s.warn("SSL_CERT_DIR names a folder that cannot be read")
			} else {
				s.saw("SSL_CERT_DIR", fmt.Sprintf("%s, with %d files", dir, len(entries)))
			}
		}
	}
	if r.cfg.RootCAs == nil {
		return
	}
	r.roots, _ = x509.SystemCertPool()
	if r.roots == nil {
		r.roots = x509.NewCertPool()
	}
	if !r.roots.AppendCertsFromPEM(r.cfg.RootCAs) {
		r.trouble(s, "", &claude.ConfigError{Field: "RootCAs", Problem: "holds no certificate in PEM form"})
		return
	}
	for _, c := range pemCertificates(r.cfg.RootCAs) {
		s.saw("trusted besides", c.Subject.String())
	}
}

func (r *run) absolute(file string) string {
	if r.realMachine && !filepath.IsAbs(file) {
		if full, err := filepath.Abs(file); err == nil {
			return full
		}
	}
	return file
}

func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func pemCertificates(data []byte) (all []*x509.Certificate) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return all
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			all = append(all, c)
		}
	}
}

// probeOptions checks the rest of the Config as New does.
func (r *run) probeOptions(s *Step) {
	for _, o := range []struct { // what comes first decides the verdict
		field  string
		option claude.Option
	}{
		{"Proxy", optional(r.cfg.Proxy, claude.WithProxy)},
		{"Network", optional(r.cfg.Network, claude.WithNetwork)},
		{"Version", optional(r.cfg.Version, func(v string) claude.Option { return claude.WithVersion(v) })},
	} {
		if o.option == nil {
			continue
		}
		if problem := refused(claude.WithAPIKey("probe"), o.option); problem != nil && problem.Field == "With"+o.field {
			r.trouble(s, "", &claude.ConfigError{Field: o.field, Problem: problem.Problem})
			if o.field == "Network" {
				r.cfg.Network = ""
			}
		}
	}
}

// refused is what New says of options; nil if they are fine, or what is wrong is this
// process's environment.
func refused(options ...claude.Option) *claude.ConfigError {
	_, err := claude.New(append(options, claude.WithBaseURL(defaultBaseURL))...)
	if problem, ok := errors.AsType[*claude.ConfigError](err); ok && strings.HasPrefix(problem.Field, "With") {
		return problem
	}
	return nil
}

func optional(value string, option func(string) claude.Option) claude.Option {
	if value == "" {
		return nil
	}
	return option(value)
}

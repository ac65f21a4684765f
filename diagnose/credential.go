package diagnose

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/steadfast-go/claude"
)

// credential finds out what the client authenticates with.
func (r *run) credential(ctx context.Context, s *Step) {
	key, token := r.env.get("ANTHROPIC_API_KEY"), r.env.get("ANTHROPIC_AUTH_TOKEN")
	given := 0
	for _, is := range []bool{r.cfg.APIKey != "", r.cfg.AuthToken != "", r.cfg.Credential != nil} {
		if is {
			given++
		}
	}
	var value string
	switch {
	case given > 1:
		r.trouble(s, "", &claude.ConfigError{Field: "Config", Problem: "has several of APIKey, AuthToken and Credential: give one"})
		return
	case r.cfg.Credential != nil:
		r.foreignCredential(ctx, s)
		return
	case r.cfg.APIKey != "":
		r.source, r.scheme, value = "Config.APIKey", claude.AuthAPIKey, r.cfg.APIKey
	case r.cfg.AuthToken != "":
		r.source, r.scheme, value = "Config.AuthToken", claude.AuthBearer, r.cfg.AuthToken
	case key != "":
		r.source, r.scheme, value = "ANTHROPIC_API_KEY", claude.AuthAPIKey, key
	case token != "":
		r.source, r.scheme, value = "ANTHROPIC_AUTH_TOKEN", claude.AuthBearer, token
	default:
		r.noCredential(s)
		return
	}
	if r.cfg.AuthScheme != "" {
		r.scheme = r.cfg.AuthScheme
	}
	s.saw("credential", r.source+", "+describeKey(value)+", sent as "+headerOf(r.scheme))
	if key != "" && token != "" && given == 0 {
		s.warn("both ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are set: the key is used, the token is not")
		s.only("Unset the one that is not meant. Other programs may choose the other one.")
	}
	if given > 0 && (key != "" || token != "") {
		s.saw("not used", "the credential in the environment, since there is "+r.source)
	}
	r.shapeOf(s, value) //nolint:contextcheck // New takes no context
}

func headerOf(scheme claude.AuthScheme) string {
	if scheme == claude.AuthBearer {
		return "Authorization: Bearer"
	}
	return "X-Api-Key"
}

// foreignCredential asks a Credential for its token.
func (r *run) foreignCredential(ctx context.Context, s *Step) {
	r.source = "Config.Credential"
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	token, err := r.cfg.Credential.Token(ctx)
	if err != nil {
		r.trouble(s, "", &claude.ConfigError{Field: "Credential", Problem: "gave no token", Err: err})
		r.withhold = "there is none"
		return
	}
	value := token.Secret.Reveal()
	if value != "" {
		r.secrets = append([]string{value}, r.secrets...)
	}
	if token.Source != "" {
		r.source += " (" + token.Source + ")"
	}
	r.scheme = token.Scheme
	if r.cfg.AuthScheme != "" {
		r.scheme = r.cfg.AuthScheme
	}
	s.saw("credential", r.source+", "+describeKey(value)+", sent as "+headerOf(r.scheme))
	if !token.Expires.IsZero() {
		s.saw("expires", token.Expires.UTC().Format("2006-01-02 15:04 MST"))
	}
	r.options = append(r.options, claude.WithCredential(r.cfg.Credential))
	r.shapeOf(s, value) //nolint:contextcheck // New takes no context
}

// shapeOf looks at the form of a credential. One that cannot be right is not sent:
// another vendor's key is a secret that is not the API's to see.
func (r *run) shapeOf(s *Step, value string) {
	field := r.source
	refuse := func(problem string) {
		r.withhold = "what is configured cannot be a key, so it was not sent"
		r.trouble(s, WrongKey, &claude.ConfigError{Field: field, Problem: problem})
	}
	option := claude.WithAPIKey(value)
	if r.scheme == claude.AuthBearer {
		option = claude.WithAuthToken(value)
	}
	if problem := refused(option); problem != nil {
		refuse(problem.Problem)
		return
	}
	if r.cfg.Credential == nil {
		r.options = append(r.options, option)
	}
	if r.cfg.AuthScheme != "" {
		r.options = append(r.options, claude.WithAuthScheme(r.cfg.AuthScheme))
	}
	if r.base == nil || !r.providers() {
		return // a gateway has keys of its own
	}
	prefix, name := kindOf(value)
	switch what, vendor := isPlaceholder(value), vendorOf(value); {
	case what != "":
		refuse("is " + what + ", not a key: keys are made at https://platform.claude.com/settings/keys")
	case vendor != "":
		refuse("is a key of " + vendor + ": those of this API begin with sk-ant-")
	case prefix == "sk-ant-oat" && r.scheme != claude.AuthBearer:
		refuse("is an OAuth access token: put it into ANTHROPIC_AUTH_TOKEN or WithAuthToken, and add claude.WithBeta(\"oauth-2025-04-20\")")
	case prefix == "sk-ant-ort", prefix == "sk-ant-sid":
		refuse("is " + name + ", which the API does not take: make an API key at https://platform.claude.com/settings/keys")
	case prefix == "sk-ant-admin":
		s.warn("the credential is an Admin API key, which manages an organisation and creates no messages")
		s.only("Use an API key: https://platform.claude.com/settings/keys")
	case strings.HasPrefix(value, "sk-ant-api03-") && len(value) != apiKeyLength:
		s.warn(fmt.Sprintf("the key has %d characters, and such keys have %d: it was cut, or something was added", len(value), apiKeyLength))
		s.only("Copy the key again, all of it; it is shown only once, so make a new one if it is lost: https://platform.claude.com/settings/keys")
	}
}

// noCredential looks for where the credential may be.
func (r *run) noCredential(s *Step) {
	r.withhold = "there is none"
	problem := "is not set in the environment of this process"
	for _, name := range []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"} {
		if _, set := r.env.lookup(name); set {
			problem = "is not set: " + name + " is there, but empty"
			break
		}
	}
	r.trouble(s, NoKey, &claude.ConfigError{Field: "ANTHROPIC_API_KEY", Problem: problem})
	s.because("A shell's export does not reach services, containers and IDEs, nor terminals that were open before.")
	if name, _ := r.env.first(misnamedKeys...); name != "" {
		s.first("Rename " + name + " to ANTHROPIC_API_KEY: that is the variable which is read.")
		s.because(name + " is set, which this client does not read.")
		return
	}
	if where, exported := r.keyInFiles(); where != "" {
		s.name = NotExported
		s.saw("found in", where)
		if exported {
			s.because("A file sets the key, " + where + ", but this process was not started by a shell that has read it: a service, a container, an IDE, sudo, cron, or a terminal that was open before.")
			s.first("Start the program from a new terminal, or give the key to what starts it: Environment= of the service, env of the container, the run configuration of the IDE.")
			return
		}
		s.because("A file sets the key, " + where + ", but nothing puts it into the environment of this process.")
		s.first("Export the variable: export ANTHROPIC_API_KEY=… (a variable that is not exported is the shell's own), or load the .env file before the program starts: set -a; . ./.env; set +a.")
		return
	}
	if r.env.get("SUDO_USER") != "" {
		s.because("The program runs under sudo, which takes variables away.")
		s.first("Keep the variable: sudo --preserve-env=ANTHROPIC_API_KEY …")
	}
	r.addHints(s, whenNoKey)
}

// keyInFiles looks for a line that sets the key, in the shell's files and in a .env
// file here. exported says that the line exports it.
func (r *run) keyInFiles() (where string, exported bool) {
	files := []string{}
	if r.realMachine {
		if dir, err := os.Getwd(); err == nil {
			files = append(files, filepath.ToSlash(filepath.Join(dir, ".env")))
		}
	}
	if dir := r.env.get("PWD"); dir != "" {
		files = append(files, path.Join(filepath.ToSlash(dir), ".env"))
	}
	_, home := r.env.first("HOME", "USERPROFILE")
	if home != "" {
		for _, name := range []string{".zshrc", ".zshenv", ".zprofile", ".bashrc", ".bash_profile", ".profile", ".config/fish/config.fish", ".env"} {
			files = append(files, path.Join(filepath.ToSlash(home), name))
		}
	}
	for _, file := range files {
		data, err := fs.ReadFile(r.fsys, rooted(file))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for number := 1; lines.Scan(); number++ {
			line := strings.TrimSpace(lines.Text())
			if strings.HasPrefix(line, "#") || !strings.Contains(line, "ANTHROPIC_API_KEY") {
				continue
			}
			exported := strings.HasPrefix(line, "export ") || strings.HasPrefix(line, "set -")
			if exported || strings.HasPrefix(line, "ANTHROPIC_API_KEY") {
				return fmt.Sprintf("%s, line %d", tilde(file, home), number), exported
			}
		}
	}
	return "", false
}

func tilde(file, home string) string {
	if rest, ok := strings.CutPrefix(file, strings.TrimRight(filepath.ToSlash(home), "/")+"/"); home != "" && ok {
		return "~/" + rest
	}
	return file
}

package diagnose_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/dnstest"
	"github.com/steadfast-go/claude/internal/nettest"
)

func TestLookUpsThatFail(t *testing.T) {
	for name, tc := range map[string]struct {
		answer dnstest.Answer
		host   string
		cfg    diagnose.Config
		says   string
		cause  string
		first  string
	}{
		"dns_nxdomain": {answer: dnstest.Answer{Code: dnstest.NoSuchName}, host: "api.claude.test", says: "api.claude.test: no such host", cause: "does not exist, or that it has no address", first: "nslookup"},
		"dns_filtered": {answer: dnstest.Answer{Code: dnstest.NoSuchName}, host: "api.anthropic.com", says: "api.anthropic.com: no such host", cause: "It does: the server filters it"},
		"dns_no_data":  {answer: dnstest.Answer{}, host: "api.claude.test", says: "no such host", cause: "it has no address"},
		"dns_servfail": {answer: dnstest.Answer{Code: dnstest.ServerFailed}, host: "api.claude.test", says: "the name server failed", cause: "answered that it failed"},
		"dns_silent":   {answer: dnstest.Answer{Silent: true}, host: "api.claude.test", cfg: diagnose.Config{Timeout: 50 * time.Millisecond}, says: "no answer from the name server", cause: "does not answer"},
		"dns_kubernetes": {
			answer: dnstest.Answer{Code: dnstest.ServerFailed}, host: "api.claude.test", says: "the name server failed", first: "Kubernetes: look the name up from this pod",
			cfg: diagnose.Config{
				Environ: []string{"KUBERNETES_SERVICE_HOST=10.96.0.1"},
				FS:      files("etc/resolv.conf", "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"),
			},
		},
		"dns_container": {
			answer: dnstest.Answer{Code: dnstest.ServerFailed}, host: "api.claude.test", says: "the name server failed", first: "Container: it has a resolver of its own",
			cfg: diagnose.Config{FS: files(".dockerenv", "", "etc/resolv.conf", "nameserver 127.0.0.11\n")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tc.cfg
			cfg.BaseURL, cfg.APIKey = "https://"+tc.host, testKey
			cfg.Resolver = dnstest.NewResolver(t, func(dnstest.Question) dnstest.Answer { return tc.answer })
			cfg.StatusURL = page(t, 200, "application/json", operational)
			report := diagnosed(t, cfg)
			s := step(t, report, "dns")
			assert.Equal(t, diagnose.StatusFailed, s.Status)
			assert.Equal(t, claude.ErrDNS, s.Class)
			assert.Contains(t, s.Finding, tc.says)
			assert.Contains(t, s.Cause, tc.cause)
			if tc.first != "" && tc.first != "nslookup" {
				assert.Contains(t, s.Actions[0], tc.first)
			}
			assert.Equal(t, claude.PartyNetwork, report.Verdict.Who)
			assert.Equal(t, "dns", report.Verdict.Name)
			for _, id := range []string{"connect", "path", "tls", "http", "auth"} {
				assert.Equal(t, diagnose.StatusSkipped, step(t, report, id).Status, id)
				assert.Contains(t, step(t, report, id).Finding, "the name is not resolved", id)
			}
			golden(t, name, report)
		})
	}
}

// lookedUp makes the steps of a diagnosis up to DNS.
func lookedUp(t *testing.T, cfg diagnose.Config) diagnose.Step {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.APIKey, cfg.Environ = testKey, []string{}
	if cfg.FS == nil {
		cfg.FS = nothing
	}
	cfg.OnStep = func(s diagnose.Step) {
		if s.ID == "dns" && s.Status != diagnose.StatusRunning {
			cancel()
		}
	}
	return step(t, diagnose.Run(ctx, cfg), "dns")
}

func TestAnswersThatAreOdd(t *testing.T) {
	for name, tc := range map[string]struct {
		host, addr string
		says       string // empty if it is not odd
	}{
		"the provider's name leads to a private network":      {"api.anthropic.com", "10.1.2.3", "10.1.2.3 is a private address"},
		"a company's name may":                                {"llm.company.example", "10.1.2.3", ""},
		"the provider's name leads to another private one":    {"api.anthropic.com", "fd00::1", "fd00::1 is a private address"},
		"a block list answers":                                {"llm.company.example", "0.0.0.0", "0.0.0.0 is what block lists answer"},
		"a block page answers":                                {"api.anthropic.com", "146.112.61.106", "the block page of Cisco Umbrella"},
		"a proxy program makes addresses up":                  {"api.anthropic.com", "198.18.0.42", "a made-up address, as proxy programs in TUN mode give"},
		"the provider's name leads to this machine":           {"api.anthropic.com", "127.0.0.1", "127.0.0.1 is this machine itself"},
		"a name of this network may lead there":               {"llm.internal", "127.0.0.1", ""},
		"the provider's name leads behind a provider's NAT":   {"api.anthropic.com", "100.64.1.1", "an address behind a provider's NAT"},
		"the provider's name leads to the provider":           {"api.anthropic.com", "160.79.104.10", ""},
		"the provider's name leads to another public address": {"api.anthropic.com", "203.0.113.9", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := lookedUp(t, diagnose.Config{BaseURL: "https://" + tc.host, Resolver: names(t, dnstest.Addrs(tc.addr))})
			if tc.says == "" {
				assert.Equal(t, diagnose.StatusOK, s.Status, s.Finding)
				return
			}
			assert.Equal(t, diagnose.StatusWarning, s.Status)
			assert.Contains(t, s.Finding, tc.says)
			assert.NotEmpty(t, s.Actions)
			assert.Equal(t, claude.PartyNetwork, s.Who)
		})
	}
	t.Run("the same answer for a name that cannot exist", func(t *testing.T) {
		s := lookedUp(t, diagnose.Config{BaseURL: "https://api.anthropic.com", Resolver: dnstest.NewResolver(t, func(dnstest.Question) dnstest.Answer {
			return dnstest.Addrs("203.0.113.9")
		})})
		assert.Equal(t, diagnose.StatusWarning, s.Status)
		assert.Contains(t, s.Finding, "also says of a name that does not exist")
	})
	t.Run("the hosts file", func(t *testing.T) {
		s := lookedUp(t, diagnose.Config{
			BaseURL: "https://api.anthropic.com", Resolver: names(t, dnstest.Addrs("127.0.0.1")),
			FS: files("etc/hosts", "127.0.0.1 localhost\n127.0.0.1\tapi.anthropic.com # for a test\n"),
		})
		assert.Equal(t, "127.0.0.1 api.anthropic.com", seen(s, "/etc/hosts"))
		assert.Contains(t, s.Actions[0], "Take the line 127.0.0.1 api.anthropic.com out of the hosts file")
	})
}

func TestAHijackedNameIsBlamedForWhatFollows(t *testing.T) {
	_, port, _ := strings.Cut(nettest.Nobody(t), ":")
	report := diagnosed(t, diagnose.Config{
		BaseURL: "https://api.anthropic.com:" + port, APIKey: testKey, Resolver: names(t, dnstest.Addrs("127.0.0.1")),
		StatusURL: page(t, 200, "application/json", operational),
	})
	assert.Equal(t, diagnose.HijackedDNS, report.Verdict.Name)
	assert.Equal(t, "dns", report.Verdict.Step)
	golden(t, "dns_hijacked", report)
}

func TestOneOfTheTwoQuestionsIsNotAnswered(t *testing.T) {
	cfg := diagnose.Config{BaseURL: "https://api.claude.test", Timeout: 200 * time.Millisecond}
	cfg.Resolver = dnstest.NewResolver(t, func(q dnstest.Question) dnstest.Answer {
		if q.Type == dnstest.AAAA {
			return dnstest.Answer{Silent: true}
		}
		return dnstest.Addrs("127.0.0.1")
	})
	s := lookedUp(t, cfg)
	assert.Equal(t, diagnose.StatusWarning, s.Status)
	assert.Contains(t, s.Finding, "the question for AAAA failed")
	assert.Contains(t, s.Actions[0], `claude.WithNetwork("tcp4")`)

	cfg.Network = "tcp4"
	s = lookedUp(t, cfg)
	assert.Equal(t, diagnose.StatusOK, s.Status, "then it is not asked")
}

package diagnose_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude"
	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/dnstest"
	"github.com/steadfast-go/claude/internal/nettest"
)

func TestNobodyListens(t *testing.T) {
	report := diagnosed(t, diagnose.Config{BaseURL: "https://" + nettest.Nobody(t), APIKey: testKey})
	s := step(t, report, "connect")
	assert.Equal(t, claude.ErrConnect, s.Class)
	assert.Contains(t, s.Finding, "refused")
	assert.Contains(t, s.Cause, "nothing listens on that port")
	assert.Equal(t, "connect", report.Verdict.Name)
	assert.Equal(t, diagnose.StatusSkipped, step(t, report, "path").Status)
	golden(t, "tcp_refused", report)
}

func TestPacketsDisappear(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg   diagnose.Config
		first string
	}{
		"tcp_dropped": {first: "Allow outgoing TCP"},
		"tcp_dropped_ec2": {
			cfg:   diagnose.Config{FS: files("sys/class/dmi/id/sys_vendor", "Amazon EC2\n", "proc/net/route", routes("eth0"))},
			first: "security group",
		},
		"tcp_dropped_kubernetes": {cfg: diagnose.Config{Environ: []string{"KUBERNETES_SERVICE_HOST=10.96.0.1"}}, first: "egress NetworkPolicy"},
		"tcp_dropped_lambda":     {cfg: diagnose.Config{Environ: []string{"AWS_LAMBDA_FUNCTION_NAME=f", "AWS_REGION=eu-central-1"}}, first: "NAT gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tc.cfg
			cfg.BaseURL, cfg.APIKey, cfg.Timeout = "https://"+nettest.Full(t), testKey, 100*time.Millisecond
			report := diagnosed(t, cfg)
			s := step(t, report, "connect")
			assert.Equal(t, diagnose.SilentDrop, report.Verdict.Name)
			assert.Equal(t, claude.PartyNetwork, report.Verdict.Who)
			assert.Contains(t, s.Finding, "the packets disappear")
			assert.Contains(t, s.Actions[0], tc.first)
			assert.Contains(t, report.Verdict.First, tc.first)
			golden(t, name, report)
		})
	}
}

func TestACloudThatDropsListsAllThatMayDropThere(t *testing.T) {
	report := diagnosed(t, diagnose.Config{
		BaseURL: "https://" + nettest.Full(t), APIKey: testKey, Timeout: 100 * time.Millisecond,
		FS: files("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
	})
	all := strings.Join(step(t, report, "connect").Actions, "\n")
	for _, what := range []string{"security group", "network ACL", "NAT gateway", "route table"} {
		assert.Contains(t, all, what)
	}
}

func TestOneKindOfAddressDoesNotWork(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 on loopback: %v", err)
	} else {
		l.Close()
	}
	cfg := api(t)
	cfg.Resolver = names(t, dnstest.Addrs("127.0.0.1", "::1"))
	report := diagnosed(t, cfg)
	assert.True(t, report.Healthy)
	assert.Equal(t, diagnose.BrokenFamily, report.Verdict.Name)
	s := step(t, report, "connect")
	assert.Contains(t, s.Finding, "connected by IPv4; IPv6: refused")
	assert.Contains(t, s.Actions[0], `claude.WithNetwork("tcp4")`)
	assert.Contains(t, strings.Join(report.CurlDiffers, "\n"), "curl -4 and curl -6")
	golden(t, "tcp_one_family", report)

	cfg.Network = "tcp6"
	report = diagnosed(t, cfg)
	assert.False(t, report.Healthy, "what the program is told to use counts")
}

func TestOneOfSeveralAddressesIsEnough(t *testing.T) {
	cfg := api(t)
	cfg.Resolver = names(t, dnstest.Addrs("127.0.0.2", "127.0.0.1"))
	report := diagnosed(t, cfg)
	assert.True(t, report.Healthy)
	assert.Equal(t, "1 of 2 addresses connect", step(t, report, "connect").Finding)
}

func TestAPlainServerNeedsNoTLS(t *testing.T) {
	server := claudetest.NewServer(t)
	report := diagnosed(t, diagnose.Config{BaseURL: server.URL, APIKey: "test"})
	assert.True(t, report.Healthy)
	assert.Equal(t, "the base URL is plain http", step(t, report, "tls").Finding)
	assert.Contains(t, step(t, report, "http").Finding, "also without a key")
}

// routes is Linux's table of a machine whose default route leads to an interface.
func routes(name string) string {
	return "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		name + "\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		name + "\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
}

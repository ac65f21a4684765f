package diagnose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/nettest"
)

// A network of four machines in a row, of which the last one swallows everything:
// this one, router 1, router 2, nothing. It is there for this process and its
// children alone, and gone with them.
const fourMachines = `
set -e
mount -t tmpfs none /run
ip netns add r1
ip netns add r2
ip link set lo up
ip link add c0 type veth peer name c1 netns r1
ip addr add 10.9.0.2/24 dev c0
ip link set c0 up
ip -n r1 addr add 10.9.0.1/24 dev c1
ip -n r1 link set c1 up
ip -n r1 link add d0 type veth peer name d1 netns r2
ip -n r1 addr add 10.9.1.1/24 dev d0
ip -n r1 link set d0 up
ip -n r2 addr add 10.9.1.2/24 dev d1
ip -n r2 link set d1 up
ip -n r2 link add e0 type veth peer name e1
ip -n r2 addr add 10.9.2.1/24 dev e0
ip -n r2 link set e0 up
ip -n r2 link set e1 up
ip route add default via 10.9.0.1
ip -n r1 route add default via 10.9.1.2
ip -n r2 route add 10.9.0.0/24 via 10.9.1.1
ip -n r2 route add 192.0.2.10/32 via 10.9.2.9
ip -n r2 neigh add 10.9.2.9 lladdr 02:00:00:00:00:09 dev e0
ip -n r2 route add prohibit 192.0.2.66/32
ip netns exec r1 sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit'
ip netns exec r2 sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit'
`

// namespace builds the network around this process, and makes a diagnosis in it.
func namespace() {
	if out, err := exec.Command("sh", "-c", fourMachines).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stdout, "cannot: %v: %s", err, out)
		return
	}
	report := diagnose.Run(context.Background(), diagnose.Config{
		BaseURL: "https://" + os.Getenv("DIAGNOSE_TEST_HOST"), APIKey: "test", Environ: []string{}, FS: nothing, Timeout: time.Second,
	})
	data, err := json.Marshal(report)
	fmt.Fprintln(os.Stdout, string(data))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// inNamespace makes a diagnosis of the way to a host in that network.
func inNamespace(t *testing.T, host string) *diagnose.Report {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", childVariable + "=namespace", "DIAGNOSE_TEST_HOST=" + host}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS // so that what is mounted stays within
	out, err := cmd.CombinedOutput()
	if err != nil || strings.HasPrefix(string(out), "cannot") {
		t.Skipf("no network namespace can be made here (root or user namespaces, and iproute2, are needed): %v %s", err, out)
	}
	var report diagnose.Report
	require.NoError(t, json.Unmarshal(out, &report), "%s", out)
	return &report
}

func TestTheLastHopThatAnswersIsNamed(t *testing.T) {
	report := inNamespace(t, "192.0.2.10")
	s := step(t, report, "path")
	require.NotEqual(t, diagnose.StatusSkipped, s.Status, s.Finding)
	assert.Equal(t, "the last that answers is 10.9.1.2, hop 2", s.Finding)
	assert.Contains(t, seen(s, "hop 1"), "10.9.0.1, in ")
	assert.Contains(t, seen(s, "hop 2"), "10.9.1.2, in ")
	assert.Contains(t, s.Cause, "What drops the connection is 10.9.1.2 or the next device behind it")
	assert.Contains(t, s.Actions[0], "it is a private address")
	assert.Equal(t, diagnose.SilentDrop, report.Verdict.Name)
	assert.Contains(t, report.Verdict.Summary, "the last that answers is 10.9.1.2")
	golden(t, "path", report)
}

func TestARouterThatForbidsSaysSo(t *testing.T) {
	report := inNamespace(t, "192.0.2.66")
	s := step(t, report, "connect")
	assert.Equal(t, diagnose.StatusFailed, s.Status)
	assert.Contains(t, s.Finding, "unreachable")
	assert.Equal(t, diagnose.StatusSkipped, step(t, report, "path").Status, "it was not silent")
}

func TestAHostThatAnswersAfterAllIsSeen(t *testing.T) {
	server := claudetest.NewServer(t)
	hops, err := diagnose.ProbePath(t.Context(), strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	assert.Equal(t, []string{"1 127.0.0.1 reached"}, hops, "nothing lies between")
	hops, err = diagnose.ProbePath(t.Context(), nettest.Nobody(t))
	require.NoError(t, err)
	assert.Equal(t, []string{"1 127.0.0.1 reached"}, hops, "a refusal is an answer")
}

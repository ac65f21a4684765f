package diagnose_test

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/steadfast-go/claude/claudetest"
	"github.com/steadfast-go/claude/diagnose"
	"github.com/steadfast-go/claude/internal/nettest"
)

// program returns the path of a program, or skips the test.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, path := range []string{name, "/usr/sbin/" + name, "/usr/bin/" + name, "/usr/lib/squid/" + name} {
			if found, err := exec.LookPath(path); err == nil {
				return found
			}
		}
	}
	t.Skipf("%s is not installed", strings.Join(names, " or "))
	return ""
}

// start runs a server until the test is over, and waits until it accepts
// connections.
func start(t *testing.T, address string, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			require.Fail(t, "it ended at once", "%s\n%s", name, out.String())
		case <-time.After(20 * time.Millisecond):
		}
		require.True(t, time.Now().Before(deadline), "%s does not listen at %s", name, address)
	}
}

// scratch is a folder that the servers' own users may use too.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "diagnose") //nolint:usetesting // that of t is for its owner alone
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	if proxy, err := user.Lookup("proxy"); err == nil && os.Geteuid() == 0 { // squid gives up its rights
		uid, _ := strconv.Atoi(proxy.Uid)
		gid, _ := strconv.Atoi(proxy.Gid)
		require.NoError(t, os.Chown(dir, uid, gid))
	}
	return dir
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

// squid starts one with more settings than it needs to run at all.
func squid(t *testing.T, path, settings string) (address string) {
	t.Helper()
	dir := scratch(t)
	address = nettest.Nobody(t)
	settings = strings.NewReplacer("ADDRESS", address, "DIR", dir).Replace(settings)
	if !strings.Contains(settings, "http_port") {
		settings = "http_port " + address + "\n" + settings
	}
	config := write(t, dir, "squid.conf", settings+fmt.Sprintf(`
pid_filename %[1]s/squid.pid
cache_log %[1]s/cache.log
access_log none
cache_store_log none
coredump_dir %[1]s
pinger_enable off
shutdown_lifetime 0 seconds
cache deny all
visible_hostname proxy.company.example
hosts_file %[1]s/hosts
`, dir))
	write(t, dir, "hosts", "127.0.0.1 localhost\n")
	_, port, _ := strings.Cut(address, ":")
	service := "diagnose" + port
	t.Cleanup(func() { // it takes seconds to end in peace, and killed it leaves its memory behind
		left, _ := filepath.Glob("/dev/shm/" + service + "-*")
		for _, file := range left {
			_ = os.Remove(file)
		}
	})
	start(t, address, path, "-N", "-n", service, "-f", config)
	return address
}

// htpasswd is the file of a user "me". The form is one that all tools know.
func htpasswd(t *testing.T, dir, password string) string {
	t.Helper()
	out, err := exec.Command(program(t, "openssl"), "passwd", "-apr1", password).Output()
	require.NoError(t, err)
	return write(t, dir, "passwd", "me:"+strings.TrimSpace(string(out))+"\n")
}

func TestSquid(t *testing.T) {
	path := program(t, "squid")
	server := claudetest.NewTLSServer(t, claudetest.Unauthorized().On("GET /v1/models"))
	port := portOf(t, server.URL)
	dir := scratch(t)
	login := "auth_param basic program " + program(t, "basic_ncsa_auth") + " " + htpasswd(t, dir, shortPassword) + "\nauth_param basic realm company\nacl known proxy_auth REQUIRED\n"
	for name, tc := range map[string]struct {
		settings string
		password string
		verdict  string
		says     string
	}{
		"squid_407":       {login + "http_access deny !known\nhttp_access allow all\n", "", diagnose.ProxyAuth, "407 Proxy Authentication Required"},
		"squid_407_wrong": {login + "http_access deny !known\nhttp_access allow all\n", "hunter3", diagnose.ProxyAuth, "407 Proxy Authentication Required"},
		"squid_denied":    {"acl api dstdomain localhost\nhttp_access deny api\nhttp_access allow all\n", "", diagnose.ProxyDenied, "403 Forbidden"},
		"squid":           {login + "http_access deny !known\nhttp_access allow all\n", shortPassword, diagnose.Healthy, "connects us to localhost:"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := "http://" + squid(t, path, tc.settings)
			if tc.password != "" {
				proxy = withLogin(proxy, tc.password)
			}
			report := diagnosed(t, diagnose.Config{BaseURL: "https://localhost:" + port, APIKey: testKey, RootCAs: server.CertPEM, Proxy: proxy})
			assert.Equal(t, tc.verdict, report.Verdict.Name)
			assert.Contains(t, step(t, report, "proxy").Finding, tc.says)
			golden(t, name, report)
		})
	}
}

func TestSquidLooksIntoTLS(t *testing.T) {
	path := program(t, "squid")
	features, err := exec.Command(path, "-v").Output()
	require.NoError(t, err)
	if !bytes.Contains(features, []byte("--enable-ssl-crtd")) {
		t.Skip("this squid cannot look into TLS: package squid-openssl is needed")
	}
	maker := program(t, "security_file_certgen")
	server := claudetest.NewTLSServer(t, claudetest.Unauthorized().On("GET /v1/models"))
	company := nettest.NewAuthority(t, "Zscaler Root CA of a test")
	dir := scratch(t)
	ca := write(t, dir, "ca.pem", string(company.PEM())+string(company.KeyPEM(t)))
	origin := write(t, dir, "origin.pem", string(server.CertPEM))
	store := filepath.Join(dir, "store")
	out, err := exec.Command(maker, "-c", "-s", store, "-M", "4MB").CombinedOutput()
	require.NoError(t, err, "%s", out)
	if proxy, err := user.Lookup("proxy"); err == nil && os.Geteuid() == 0 {
		require.NoError(t, exec.Command("chown", "-R", proxy.Uid+":"+proxy.Gid, dir).Run())
	}
	address := squid(t, path, fmt.Sprintf(`
http_port ADDRESS ssl-bump generate-host-certificates=on tls-cert=%s
sslcrtd_program %s -s %s -M 4MB
sslcrtd_children 1
tls_outgoing_options cafile=%s
acl start at_step SslBump1
ssl_bump peek start
ssl_bump bump all
http_access allow all
`, ca, maker, store, origin))
	cfg := diagnose.Config{BaseURL: "https://localhost:" + portOf(t, server.URL), APIKey: testKey, Proxy: "http://" + address, RootCAs: server.CertPEM, FS: files("etc/ssl/cert.pem", "x")}
	report := diagnosed(t, cfg)
	assert.Equal(t, diagnose.Intercepted, report.Verdict.Name)
	assert.Contains(t, step(t, report, "tls").Finding, "Zscaler looks into TLS, and its authority is not trusted here")
	golden(t, "squid_tls", report)

	cfg.RootCAs = append(cfg.RootCAs, company.PEM()...)
	report = diagnosed(t, cfg)
	assert.True(t, report.Healthy, report)
	assert.Contains(t, step(t, report, "tls").Finding, "Zscaler looks into TLS; its authority is trusted here")
	assert.NotEmpty(t, seen(step(t, report, "http"), "via"))
}

func TestTinyproxy(t *testing.T) {
	path := program(t, "tinyproxy")
	server := claudetest.NewTLSServer(t, claudetest.Unauthorized().On("GET /v1/models"))
	port := portOf(t, server.URL)
	for name, tc := range map[string]struct {
		settings string
		login    bool
		verdict  string
	}{
		"tinyproxy_407":    {"BasicAuth me " + shortPassword + "\n", false, diagnose.ProxyAuth},
		"tinyproxy_denied": {"ConnectPort 443\n", false, diagnose.ProxyDenied},
		"tinyproxy":        {"BasicAuth me " + shortPassword + "\nConnectPort " + port + "\n", true, diagnose.Healthy},
	} {
		t.Run(name, func(t *testing.T) {
			address := nettest.Nobody(t)
			host, own, err := net.SplitHostPort(address)
			require.NoError(t, err)
			dir := scratch(t)
			config := write(t, dir, "tinyproxy.conf", "Port "+own+"\nListen "+host+"\nTimeout 20\nMaxClients 20\nAllow 127.0.0.1\n"+tc.settings)
			start(t, address, path, "-d", "-c", config)
			proxy := (&url.URL{Scheme: "http", Host: address}).String()
			if tc.login {
				proxy = withLogin(proxy, shortPassword)
			}
			report := diagnosed(t, diagnose.Config{BaseURL: "https://localhost:" + port, APIKey: testKey, RootCAs: server.CertPEM, Proxy: proxy})
			assert.Equal(t, tc.verdict, report.Verdict.Name)
			golden(t, name, report)
		})
	}
}

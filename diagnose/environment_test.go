package diagnose_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/steadfast-go/claude/diagnose"
)

func TestWhereAProgramRunsIsTold(t *testing.T) {
	for name, tc := range map[string]struct {
		environ []string
		files   fstest.MapFS
		want    string
		has     []string // evidence: name and value
	}{
		"nowhere special":           {nil, nil, "nothing special about it is known", nil},
		"Docker":                    {nil, files(".dockerenv", "", "etc/resolv.conf", "nameserver 127.0.0.11\n"), "Docker", []string{"container", "Docker, by /.dockerenv", "name servers", "127.0.0.11 (Docker)"}},
		"Podman":                    {nil, files("run/.containerenv", ""), "Podman", []string{"container", "Podman, by /run/.containerenv"}},
		"a container by its cgroup": {nil, files("proc/1/cgroup", "0::/system.slice/docker-abc.scope\n"), "Docker", nil},
		"another one":               {nil, files("proc/self/cgroup", "12:cpu:/lxc/x\n"), "a container", nil},
		"a container by a variable": {[]string{"container=systemd-nspawn"}, nil, "a container (systemd-nspawn)", nil},
		"Kubernetes": {
			[]string{"KUBERNETES_SERVICE_HOST=10.96.0.1"},
			files("etc/resolv.conf", "search a.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n", "proc/1/cgroup", "0::/kubepods/besteffort/pod1/containerd-x"),
			"Kubernetes, a container",
			[]string{"name servers", "10.96.0.10 (the cluster's)", "", "with ndots:5 a look-up of api.anthropic.com asks for 3 other names first"},
		},
		"few dots wanted":       {nil, files("etc/resolv.conf", "search lan\nnameserver 192.168.1.1\noptions ndots:1\n"), "nothing special about it is known", []string{"name servers", "192.168.1.1"}},
		"AWS Lambda":            {[]string{"AWS_LAMBDA_FUNCTION_NAME=f", "AWS_REGION=ap-east-1"}, nil, "AWS Lambda", []string{"region", "ap-east-1, by AWS_REGION"}},
		"Cloud Run":             {[]string{"K_SERVICE=s"}, nil, "Google Cloud Run", nil},
		"Cloud Functions":       {[]string{"FUNCTION_TARGET=f"}, nil, "Google Cloud Functions", nil},
		"Azure Functions":       {[]string{"FUNCTIONS_WORKER_RUNTIME=custom", "WEBSITE_SITE_NAME=s"}, nil, "Azure Functions", nil},
		"Vercel":                {[]string{"VERCEL=1", "VERCEL_REGION=hkg1"}, nil, "Vercel", []string{"region", "hkg1, by VERCEL_REGION"}},
		"EC2":                   {nil, files("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"), "AWS EC2", []string{"cloud", "AWS EC2, by /sys/class/dmi/id/sys_vendor"}},
		"old EC2":               {nil, files("sys/hypervisor/uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n"), "AWS EC2", nil},
		"Google Compute Engine": {nil, files("sys/class/dmi/id/product_name", "Google Compute Engine\n"), "Google Compute Engine", nil},
		"Azure":                 {nil, files("sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n", "sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n"), "Azure VM", nil},
		"Hyper-V at home":       {nil, files("sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n"), "nothing special about it is known", nil},
		"Hetzner":               {nil, files("sys/class/dmi/id/sys_vendor", "Hetzner\n"), "Hetzner Cloud VM", nil},
		"WSL":                   {nil, files("proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n"), "WSL", nil},
		"a VPN":                 {nil, files("proc/net/route", routes("tun0")), "a VPN-like interface (tun0)", []string{"interface", "tun0, by /proc/net/route"}},
		"a VPN that takes halves": {nil, files("proc/net/route", routes("eth0")+
			"wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\nwg0\t00000080\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"), "a VPN-like interface (wg0)", nil},
		"no VPN":           {nil, files("proc/net/route", routes("eth0")), "nothing special about it is known", []string{"interface", "eth0, by /proc/net/route"}},
		"GitHub Actions":   {[]string{"CI=true", "GITHUB_ACTIONS=true"}, nil, "GitHub Actions", nil},
		"CI":               {[]string{"CI=1"}, nil, "CI", nil},
		"no CI":            {[]string{"CI=false"}, nil, "nothing special about it is known", nil},
		"several":          {[]string{"GITLAB_CI=true"}, files(".dockerenv", "", "sys/class/dmi/id/sys_vendor", "DigitalOcean"), "Docker, GitLab CI, DigitalOcean droplet", nil},
		"Flatpak and Snap": {[]string{"SNAP=/snap/x"}, files(".flatpak-info", ""), "Flatpak", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := placed(t, diagnose.Config{Environ: append([]string{}, tc.environ...), FS: tc.files})
			assert.Equal(t, tc.want, s.Finding)
			assert.Equal(t, diagnose.StatusOK, s.Status)
			for i := 0; i < len(tc.has); i += 2 {
				assert.Contains(t, seen(s, tc.has[i]), tc.has[i+1])
			}
		})
	}
}

// placed makes the first two steps of a diagnosis and returns the second.
func placed(t *testing.T, cfg diagnose.Config) diagnose.Step {
	t.Helper()
	cfg.APIKey = testKey
	report, _ := configured(t, cfg)
	return step(t, report, "environment")
}

func TestThisMachineIsLookedAtToo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report := diagnose.Run(ctx, diagnose.Config{APIKey: testKey, BaseURL: "http://127.0.0.1:1", OnStep: func(s diagnose.Step) {
		if s.ID == "environment" && s.Status != diagnose.StatusRunning {
			cancel()
		}
	}})
	holds(t, report)
	assert.Equal(t, diagnose.StatusOK, step(t, report, "environment").Status)
}

func TestAdviceDependsOnWhereTheProgramRuns(t *testing.T) {
	for name, tc := range map[string]struct {
		environ []string
		files   fstest.MapFS
		dropped string // the first action when packets disappear
		refused string // when the edge refuses
		noKey   string
	}{
		"EC2":        {nil, files("sys/class/dmi/id/sys_vendor", "Amazon EC2"), "AWS: allow TCP port 443 out in the instance's security group", "AWS EC2: the call leaves with an address of the region", ""},
		"Google":     {nil, files("sys/class/dmi/id/sys_vendor", "Google"), "Google Cloud: see that no egress firewall rule", "Google Compute Engine: the call leaves", ""},
		"Azure":      {nil, files("sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"), "Azure: see that no network security group", "Azure VM: the call leaves", ""},
		"a cloud":    {nil, files("sys/class/dmi/id/sys_vendor", "Vultr"), "Vultr VM: look at security group or cloud firewall, network ACL, NAT gateway", "Vultr VM", ""},
		"Lambda":     {[]string{"AWS_LAMBDA_FUNCTION_NAME=f"}, files("sys/class/dmi/id/sys_vendor", "Amazon EC2"), "AWS Lambda: in a VPC a function has no way to the internet", "AWS Lambda: the call leaves from the region", "AWS Lambda: set ANTHROPIC_API_KEY in its settings"},
		"ECS":        {[]string{"ECS_CONTAINER_METADATA_URI_V4=x"}, nil, "Amazon ECS: a task needs a public address", "Amazon ECS", "Amazon ECS"},
		"Cloud Run":  {[]string{"K_SERVICE=s"}, nil, "Google Cloud Run: with a VPC connector", "Google Cloud Run", "Google Cloud Run"},
		"Functions":  {[]string{"FUNCTIONS_WORKER_RUNTIME=x"}, nil, "Azure Functions: with VNet integration", "Azure Functions", "Azure Functions"},
		"Vercel":     {[]string{"VERCEL=1"}, nil, "Vercel: see whether the platform limits", "Vercel", "Vercel"},
		"Kubernetes": {[]string{"KUBERNETES_SERVICE_HOST=1"}, files(".dockerenv", ""), "Kubernetes: see whether an egress NetworkPolicy", "", "Kubernetes: give the key by a Secret"},
		"Docker":     {nil, files(".dockerenv", ""), "Container: see whether the host reaches it", "", "Container: a variable of the host does not get in by itself"},
		"WSL":        {nil, files("proc/sys/kernel/osrelease", "microsoft"), "WSL: run wsl --shutdown", "", ""},
		"VPN":        {nil, files("proc/net/route", routes("utun4")), "VPN: the default route goes through", "VPN: the call leaves through", ""},
		"CI":         {[]string{"GITHUB_ACTIONS=true"}, nil, "GitHub Actions: runners behind", "GitHub Actions: the call leaves from the runner's region", "GitHub Actions: hand the secret to the step"},
	} {
		t.Run(name, func(t *testing.T) {
			for when, want := range map[string]string{"dropped": tc.dropped, "refused": tc.refused, "no key": tc.noKey} {
				got := diagnose.Hints(tc.environ, tc.files, when)
				if want == "" {
					assert.Empty(t, got, when)
					continue
				}
				if assert.NotEmpty(t, got, when) {
					assert.True(t, strings.HasPrefix(got[0], want), "%s: %s", when, got[0])
				}
			}
		})
	}
}

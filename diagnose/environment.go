package diagnose

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// A place is something that is known of where the program runs.
type place struct {
	kind placeKind
	name string // such as "Docker", "AWS Lambda"
}

type placeKind string

const (
	inContainer  placeKind = "container"
	inKubernetes placeKind = "Kubernetes"
	serverless   placeKind = "serverless"
	inCloud      placeKind = "cloud"
	inWSL        placeKind = "WSL"
	behindVPN    placeKind = "VPN"
	inCI         placeKind = "CI"
	inSandbox    placeKind = "sandbox"
)

// environment finds out where the program runs, from files and variables alone:
// nobody is asked over the network.
func (r *run) environment(_ context.Context, s *Step) {
	r.containers(s)
	r.platforms(s)
	r.cloud(s)
	r.wsl(s)
	r.interfaces(s)
	r.nameServers(s)
	names := make([]string, 0, len(r.places))
	for _, p := range r.places {
		names = append(names, p.name)
	}
	s.Finding = "nothing special about it is known"
	if len(names) > 0 {
		s.Finding = strings.Join(names, ", ")
	}
}

func (r *run) at(s *Step, kind placeKind, name, evidence string) {
	r.places = append(r.places, place{kind, name})
	s.saw(string(kind), name+", by "+evidence)
}

// in reports whether the program runs in a kind of place.
func (r *run) in(kind placeKind) (name string, is bool) {
	i := slices.IndexFunc(r.places, func(p place) bool { return p.kind == kind })
	if i < 0 {
		return "", false
	}
	return r.places[i].name, true
}

func (r *run) exists(file string) bool {
	_, err := fs.Stat(r.fsys, file)
	return err == nil
}

// read returns a small file's text, empty if there is none.
func (r *run) read(file string) string {
	data, err := fs.ReadFile(r.fsys, file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// containers looks for what container engines leave behind.
func (r *run) containers(s *Step) {
	cgroup := r.read("proc/1/cgroup") + "\n" + r.read("proc/self/cgroup")
	switch {
	case r.env.get("KUBERNETES_SERVICE_HOST") != "":
		r.at(s, inKubernetes, "Kubernetes", "KUBERNETES_SERVICE_HOST")
	case strings.Contains(cgroup, "kubepods"):
		r.at(s, inKubernetes, "Kubernetes", "the cgroup kubepods")
	}
	switch {
	case r.exists(".dockerenv"):
		r.at(s, inContainer, "Docker", "/.dockerenv")
	case r.exists("run/.containerenv"):
		r.at(s, inContainer, "Podman", "/run/.containerenv")
	case strings.Contains(cgroup, "docker"):
		r.at(s, inContainer, "Docker", "the cgroup")
	case strings.Contains(cgroup, "libpod"):
		r.at(s, inContainer, "Podman", "the cgroup")
	case strings.Contains(cgroup, "containerd"), strings.Contains(cgroup, "lxc"):
		r.at(s, inContainer, "a container", "the cgroup")
	case r.env.get("container") != "":
		r.at(s, inContainer, "a container ("+r.env.get("container")+")", "the variable container")
	}
	switch {
	case r.exists(".flatpak-info"):
		r.at(s, inSandbox, "Flatpak", "/.flatpak-info")
	case r.env.get("SNAP") != "":
		r.at(s, inSandbox, "Snap", "SNAP")
	}
}

// byVariable are places that a variable gives away, the most telling first of each
// kind. region names the variable that holds where it is.
var byVariable = []struct {
	kind                   placeKind
	variable, name, region string
}{
	{serverless, "AWS_LAMBDA_FUNCTION_NAME", "AWS Lambda", "AWS_REGION"},
	{serverless, "K_SERVICE", "Google Cloud Run", ""},
	{serverless, "CLOUD_RUN_JOB", "Google Cloud Run", ""},
	{serverless, "FUNCTION_TARGET", "Google Cloud Functions", "FUNCTION_REGION"},
	{serverless, "GAE_ENV", "Google App Engine", ""},
	{serverless, "FUNCTIONS_WORKER_RUNTIME", "Azure Functions", "REGION_NAME"},
	{serverless, "WEBSITE_SITE_NAME", "Azure App Service", "REGION_NAME"},
	{serverless, "CONTAINER_APP_NAME", "Azure Container Apps", ""},
	{serverless, "ECS_CONTAINER_METADATA_URI_V4", "Amazon ECS", "AWS_REGION"},
	{serverless, "ECS_CONTAINER_METADATA_URI", "Amazon ECS", "AWS_REGION"},
	{serverless, "VERCEL", "Vercel", "VERCEL_REGION"},
	{serverless, "NETLIFY", "Netlify", "AWS_REGION"},
	{serverless, "FLY_APP_NAME", "Fly.io", "FLY_REGION"},
	{serverless, "RENDER", "Render", ""},
	{serverless, "RAILWAY_ENVIRONMENT", "Railway", "RAILWAY_REPLICA_REGION"},
	{serverless, "DYNO", "Heroku", ""},
	{inCI, "GITHUB_ACTIONS", "GitHub Actions", ""},
	{inCI, "GITLAB_CI", "GitLab CI", ""},
	{inCI, "JENKINS_URL", "Jenkins", ""},
	{inCI, "CIRCLECI", "CircleCI", ""},
	{inCI, "BUILDKITE", "Buildkite", ""},
	{inCI, "TF_BUILD", "Azure Pipelines", ""},
	{inCI, "BITBUCKET_BUILD_NUMBER", "Bitbucket Pipelines", ""},
	{inCI, "TEAMCITY_VERSION", "TeamCity", ""},
	{inCI, "CODEBUILD_BUILD_ID", "AWS CodeBuild", "AWS_REGION"},
	{inCI, "TRAVIS", "Travis CI", ""},
	{inCI, "CI", "CI", ""},
	{inSandbox, "CODESPACES", "GitHub Codespaces", ""},
	{inSandbox, "GITPOD_WORKSPACE_ID", "Gitpod", ""},
}

// platforms goes by the variables that platforms set.
func (r *run) platforms(s *Step) {
	for _, p := range byVariable {
		value := r.env.get(p.variable)
		if _, known := r.in(p.kind); known || value == "" || value == "false" {
			continue
		}
		r.at(s, p.kind, p.name, p.variable)
		if region := r.env.get(p.region); p.region != "" && region != "" {
			s.saw("region", region+", by "+p.region)
		}
	}
}

// clouds are known by the texts that their firmware carries, in the files of
// /sys/class/dmi/id.
var clouds = []struct{ file, text, name string }{
	{"sys_vendor", "Amazon EC2", "AWS EC2"},
	{"bios_vendor", "Amazon EC2", "AWS EC2"},
	{"sys_vendor", "Google", "Google Compute Engine"},
	{"product_name", "Google Compute Engine", "Google Compute Engine"},
	{"chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "Azure VM"},
	{"chassis_asset_tag", "OracleCloud.com", "Oracle Cloud VM"},
	{"sys_vendor", "Alibaba Cloud", "Alibaba Cloud VM"},
	{"sys_vendor", "Tencent Cloud", "Tencent Cloud VM"},
	{"sys_vendor", "Huawei Cloud", "Huawei Cloud VM"},
	{"sys_vendor", "DigitalOcean", "DigitalOcean droplet"},
	{"sys_vendor", "Hetzner", "Hetzner Cloud VM"},
	{"sys_vendor", "Vultr", "Vultr VM"},
	{"sys_vendor", "Linode", "Linode VM"},
	{"sys_vendor", "Akamai", "Linode VM"},
	{"sys_vendor", "Scaleway", "Scaleway VM"},
	{"sys_vendor", "UpCloud", "UpCloud VM"},
	{"product_name", "OpenStack", "OpenStack VM"},
	{"sys_vendor", "OpenStack", "OpenStack VM"},
}

func (r *run) cloud(s *Step) {
	for _, c := range clouds {
		if strings.Contains(r.read("sys/class/dmi/id/"+c.file), c.text) {
			r.at(s, inCloud, c.name, "/sys/class/dmi/id/"+c.file)
			return
		}
	}
	if strings.HasPrefix(strings.ToLower(r.read("sys/hypervisor/uuid")), "ec2") {
		r.at(s, inCloud, "AWS EC2", "/sys/hypervisor/uuid")
	}
}

func (r *run) wsl(s *Step) {
	if strings.Contains(strings.ToLower(r.read("proc/sys/kernel/osrelease")), "microsoft") {
		r.at(s, inWSL, "WSL", "/proc/sys/kernel/osrelease")
	} else if r.env.get("WSL_DISTRO_NAME") != "" {
		r.at(s, inWSL, "WSL", "WSL_DISTRO_NAME")
	}
}

// tunnels are the beginnings of the names that VPNs give their interfaces.
var tunnels = []string{"tun", "tap", "wg", "ppp", "utun", "ipsec", "gpd", "cscotun", "tailscale", "nordlynx", "proton", "zt", "warp", "cloudflarewarp", "wt", "mihomo", "clash", "meta", "sing"}

func isTunnel(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(tunnels, func(t string) bool { return strings.HasPrefix(name, t) })
}

// interfaces finds out which interface leads outside.
func (r *run) interfaces(s *Step) {
	name, how := r.defaultRoute(), "/proc/net/route"
	if name == "" && r.realMachine {
		name, how = interfaceTo(r.host), "the way to the host"
	}
	if name == "" {
		return
	}
	s.saw("interface", name+", by "+how)
	if isTunnel(name) {
		r.at(s, behindVPN, "a VPN-like interface ("+name+")", "the default route")
	}
}

// defaultRoute returns the interface of the widest route that Linux has to
// everywhere, or to one half of it, as VPNs do to win over the default.
func (r *run) defaultRoute() (name string) {
	half := false
	for line := range strings.Lines(r.read("proc/net/route")) {
		f := strings.Fields(line)
		if len(f) < 8 {
			continue
		}
		switch f[1] + "/" + f[7] {
		case "00000000/00000000":
			if !half && name == "" {
				name = f[0]
			}
		case "00000000/00000080", "00000080/00000080":
			name, half = f[0], true
		}
	}
	return name
}

// interfaceTo returns the interface by which the system would send to a public
// address. A UDP socket that is only connected sends nothing.
func interfaceTo(host string) string {
	target := "192.0.2.1" // of a block for documentation: any address outside will do
	if ip, err := netip.ParseAddr(host); err == nil {
		target = ip.String()
	}
	conn, err := net.Dial("udp", net.JoinHostPort(target, "443")) //nolint:noctx // it does not wait
	if err != nil {
		return ""
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return ""
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().WithZone("") == local.Addr().WithZone("") {
				return i.Name
			}
		}
	}
	return ""
}

// resolvConf is what /etc/resolv.conf says.
type resolvConf struct {
	servers []string
	search  []string
	options []string
}

func (r *run) resolvConf() (conf resolvConf) {
	for line := range strings.Lines(r.read("etc/resolv.conf")) {
		switch f := strings.Fields(line); {
		case len(f) < 2:
		case f[0] == "nameserver":
			conf.servers = append(conf.servers, f[1])
		case f[0] == "search", f[0] == "domain":
			conf.search = f[1:]
		case f[0] == "options":
			conf.options = append(conf.options, f[1:]...)
		}
	}
	return conf
}

// nameServers shows the resolver, and what its search path means.
func (r *run) nameServers(s *Step) {
	conf := r.resolvConf()
	if len(conf.servers) == 0 {
		return
	}
	s.saw("name servers", strings.Join(conf.servers, ", ")+whoseResolver(conf.servers[0]))
	if len(conf.search) == 0 && len(conf.options) == 0 {
		return
	}
	text := "search " + strings.Join(conf.search, " ")
	if len(conf.options) > 0 {
		text += "; options " + strings.Join(conf.options, " ")
	}
	s.saw("", text)
	for _, o := range conf.options {
		var dots int
		if n, _ := fmt.Sscanf(o, "ndots:%d", &dots); n == 1 && strings.Count(defaultHost, ".") < dots && len(conf.search) > 0 {
			s.saw("", fmt.Sprintf("with %s a look-up of %s asks for %d other names first", o, defaultHost, len(conf.search)))
		}
	}
}

// whoseResolver names resolvers with well-known addresses.
func whoseResolver(server string) string {
	switch server {
	case "127.0.0.53":
		return " (systemd-resolved)"
	case "127.0.0.11":
		return " (Docker)"
	case "10.96.0.10", "169.254.20.10", "172.20.0.10":
		return " (the cluster's)"
	case "169.254.169.253":
		return " (AWS)"
	case "169.254.169.254":
		return " (Google Cloud)"
	case "168.63.129.16":
		return " (Azure)"
	case "10.255.255.254":
		return " (WSL)"
	}
	return ""
}

// hostsEntry returns the line of the hosts file that names a host.
func (r *run) hostsEntry(host string) string {
	for line := range strings.Lines(r.read("etc/hosts") + "\n" + r.read("Windows/System32/drivers/etc/hosts")) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 1 && slices.ContainsFunc(f[1:], func(n string) bool { return strings.EqualFold(n, host) }) {
			return f[0] + " " + host
		}
	}
	return ""
}

// routeMissing reports whether Linux has no route to anywhere outside.
func (r *run) routeMissing() bool {
	lines := strings.Split(r.read("proc/net/route"), "\n")
	return len(lines) > 0 && strings.HasPrefix(lines[0], "Iface") && r.defaultRoute() == ""
}

// gatewayOf returns the first hop by Linux's table, empty if it is not known.
func (r *run) gatewayOf() string {
	for line := range strings.Lines(r.read("proc/net/route")) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		if b, err := hex.DecodeString(f[2]); err == nil && len(b) == 4 {
			slices.Reverse(b) // it is written in the order of the machine's bytes, little end first
			if a, ok := netip.AddrFromSlice(b); ok && !a.IsUnspecified() {
				return a.String()
			}
		}
	}
	return ""
}

// bundles are where systems keep their authorities; Go looks there too.
var bundles = []string{
	"etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem", "etc/pki/tls/cacert.pem",
	"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "etc/ssl/cert.pem",
	"usr/local/etc/ssl/cert.pem", "usr/local/share/certs/ca-root-nss.crt",
}

// hasRoots reports whether this system has certificates of authorities where Go
// looks for them.
func (r *run) hasRoots() bool {
	if !readsCertVariables() {
		return true // they are in a store of the system's
	}
	if file := r.env.get("SSL_CERT_FILE"); file != "" {
		if r.exists(rooted(r.absolute(file))) {
			return true
		}
	} else if slices.ContainsFunc(bundles, r.exists) {
		return true
	}
	for _, dir := range []string{"etc/ssl/certs", "etc/pki/tls/certs"} {
		entries, _ := fs.ReadDir(r.fsys, dir)
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return path.Ext(e.Name()) != "" || strings.HasSuffix(e.Name(), ".0") }) {
			return true
		}
	}
	return r.env.get("SSL_CERT_DIR") != ""
}

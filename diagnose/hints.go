package diagnose

import (
	"strings"

	"github.com/steadfast-go/claude"
)

// situation is what has gone wrong, for advice that depends on the place.
type situation uint8

const (
	whenDNS     situation = iota // names are not resolved
	whenDropped                  // TCP is not answered
	whenRefused                  // by the edge, over the country
	whenNoKey
	whenDenied // by this system
)

// addHints puts what helps in this place before the other actions.
func (r *run) addHints(s *Step, when situation) {
	s.first(r.hints(when)...)
}

func (r *run) hints(when situation) (hints []string) {
	add := func(hint string) { hints = append(hints, hint) }
	for _, p := range r.places {
		switch p.kind {
		case inKubernetes:
			r.kubernetesHints(when, add)
		case serverless:
			serverlessHints(when, p.name, add)
		case inCloud:
			if _, is := r.in(serverless); !is {
				cloudHints(when, p.name, add)
			}
		case inContainer:
			if _, is := r.in(inKubernetes); !is {
				r.containerHints(when, add)
			}
		case inWSL:
			if when == whenDNS || when == whenDropped {
				add("WSL: run wsl --shutdown in Windows and try again; with a VPN in Windows, set networkingMode=mirrored and dnsTunneling=true under [wsl2] in .wslconfig.")
			}
		case behindVPN:
			switch when {
			case whenDNS, whenDropped:
				add("VPN: the default route goes through " + p.name + ". Switch it off and try again; if that helps, have its administrators let " + orElse(r.host, defaultHost) + " through.")
			case whenRefused:
				add("VPN: the call leaves through " + p.name + ". Switch it off, or choose an exit in a supported country.")
			case whenNoKey, whenDenied:
			}
		case inCI:
			ciHints(when, p.name, add)
		case inSandbox:
			if when == whenDenied {
				add(p.name + " may forbid the network: look at the permissions of the sandbox.")
			}
		}
	}
	return hints
}

func (r *run) kubernetesHints(when situation, add func(string)) {
	switch when {
	case whenDNS:
		add("Kubernetes: look the name up from this pod with a dot at its end (nslookup " + orElse(r.host, defaultHost) + ".). If only that works, the search path is at fault: set dnsConfig with ndots 1 for the pod.")
		add("Kubernetes: see that CoreDNS is well (kubectl -n kube-system logs -l k8s-app=kube-dns), and that no NetworkPolicy forbids this pod UDP and TCP port 53.")
	case whenDropped:
		add("Kubernetes: see whether an egress NetworkPolicy selects this pod (kubectl get networkpolicy -A), and allow TCP port " + orElse(r.port, "443") + " out; a service mesh may want a ServiceEntry for the host.")
	case whenNoKey:
		add("Kubernetes: give the key by a Secret: env with secretKeyRef in the container's spec; a changed Secret needs a restart of the pod.")
	case whenRefused, whenDenied:
	}
}

func (r *run) containerHints(when situation, add func(string)) {
	switch when {
	case whenDNS:
		add("Container: it has a resolver of its own (/etc/resolv.conf in it). See whether the host resolves the name; if so, restart the container engine after a change of network, or give a resolver: docker run --dns ADDRESS.")
	case whenDropped:
		add("Container: see whether the host reaches it. If so, it is the container's network: its bridge, the host's firewall (the FORWARD chain), or a network made with internal: true.")
	case whenNoKey:
		add("Container: a variable of the host does not get in by itself: docker run -e ANTHROPIC_API_KEY, or environment: in the compose file.")
	case whenRefused, whenDenied:
	}
}

func serverlessHints(when situation, name string, add func(string)) {
	switch {
	case when == whenRefused:
		add(name + ": the call leaves from the region that the function runs in. Deploy it to a region in a supported country.")
	case when == whenNoKey:
		add(name + ": set ANTHROPIC_API_KEY in its settings or secrets and deploy again.")
	case when != whenDropped && when != whenDNS:
	case name == "AWS Lambda":
		add("AWS Lambda: in a VPC a function has no way to the internet, also in a public subnet. Put it into private subnets whose route leads to a NAT gateway, allow TCP port 443 out in its security group, or take it out of the VPC.")
	case name == "Amazon ECS":
		add("Amazon ECS: a task needs a public address, or a private subnet whose route leads to a NAT gateway; and TCP port 443 out in its security group and network ACL.")
	case strings.HasPrefix(name, "Google"):
		add(name + ": with a VPC connector or direct VPC egress for all traffic, the subnet needs Cloud NAT; see also the VPC's egress firewall rules.")
	case strings.HasPrefix(name, "Azure"):
		add(name + ": with VNet integration, look at the subnet's network security group, its route table (a firewall as next hop?) and its NAT gateway.")
	default:
		add(name + ": see whether the platform limits outgoing connections.")
	}
}

func cloudHints(when situation, name string, add func(string)) {
	switch {
	case when == whenRefused:
		add(name + ": the call leaves with an address of the region it runs in. Move it, or its way out, to a region in a supported country.")
	case when != whenDropped:
	case strings.HasPrefix(name, "AWS"):
		add("AWS: allow TCP port 443 out in the instance's security group.")
		add("AWS: in the subnet's network ACL allow TCP port 443 out, and 1024-65535 in for the answers: it keeps no state.")
		add("AWS: the subnet's route table needs 0.0.0.0/0 to an internet gateway (and the instance a public address) or to a NAT gateway; for IPv6 ::/0 to an egress-only internet gateway.")
	case strings.HasPrefix(name, "Google"):
		add("Google Cloud: see that no egress firewall rule denies TCP port 443, that the VM has an external address or its subnet Cloud NAT, and that the VPC has a route to 0.0.0.0/0.")
	case strings.HasPrefix(name, "Azure"):
		add("Azure: see that no network security group of the subnet or the NIC denies TCP port 443 out.")
		add("Azure: the subnet needs a way out (NAT gateway, public address or load balancer), and no route table that sends 0.0.0.0/0 to a firewall which drops it.")
	default:
		add(name + ": look at security group or cloud firewall, network ACL, NAT gateway and the egress route of the subnet.")
	}
}

func ciHints(when situation, name string, add func(string)) {
	switch when {
	case whenNoKey:
		add(name + ": hand the secret to the step as a variable (env: ANTHROPIC_API_KEY). Secrets are not given to pull requests from forks: there the variable is empty.")
	case whenDropped, whenDNS:
		add(name + ": runners behind a company's firewall or an egress policy need the host on their list.")
	case whenRefused:
		add(name + ": the call leaves from the runner's region. Choose a runner in a supported country.")
	case whenDenied:
	}
}

// deny is the advice on a connection that this very system forbids.
func (r *run) deny(s *Step) {
	s.because("This system forbids the connection: a firewall on this machine, a sandbox, or a security module such as SELinux.")
	s.Who = claude.PartyNetwork
	s.first("Look at the rules of this machine: its firewall, the profile of the container or service (systemd: IPAddressDeny=, RestrictAddressFamilies=), SELinux's audit log.")
	r.addHints(s, whenDenied)
}

package netstage

import (
	"crypto/x509"
	"strings"
)

// interceptors are products that look into TLS with a certificate authority of
// their own, by words their certificates carry.
var interceptors = []struct{ word, name string }{
	{"zscaler", "Zscaler"},
	{"netskope", "Netskope"},
	{"palo alto", "Palo Alto Networks"},
	{"paloalto", "Palo Alto Networks"},
	{"fortinet", "Fortinet"},
	{"fortigate", "Fortinet"},
	{"check point", "Check Point"},
	{"checkpoint", "Check Point"},
	{"cisco umbrella", "Cisco Umbrella"},
	{"ironport", "Cisco"},
	{"blue coat", "Symantec (Blue Coat)"},
	{"bluecoat", "Symantec (Blue Coat)"},
	{"forcepoint", "Forcepoint"},
	{"websense", "Forcepoint"},
	{"mcafee", "McAfee"},
	{"skyhigh", "Skyhigh Security"},
	{"sophos", "Sophos"},
	{"barracuda", "Barracuda"},
	{"cato networks", "Cato Networks"},
	{"gateway ca - cloudflare", "Cloudflare Gateway"},
	{"cloudflare for teams", "Cloudflare Gateway"},
	{"sonicwall", "SonicWall"},
	{"untangle", "Untangle"},
	{"watchguard", "WatchGuard"},
	{"kaspersky", "Kaspersky"},
	{"avast", "Avast"},
	{"avg technologies", "AVG"},
	{"bitdefender", "Bitdefender"},
	{"eset ssl filter", "ESET"},
	{"dr.web", "Dr.Web"},
	{"adguard", "AdGuard"},
	{"mitmproxy", "mitmproxy"},
	{"charles proxy", "Charles"},
	{"do_not_trust_fiddler", "Fiddler"},
	{"fiddler", "Fiddler"},
	{"portswigger", "Burp Suite"},
	{"proxyman", "Proxyman"},
	{"squid", "Squid"},
}

// Interceptor returns the product that a chain of certificates comes from, if it
// is one that looks into TLS; else "".
func Interceptor(chain ...*x509.Certificate) string {
	for _, c := range chain {
		if c == nil {
			continue
		}
		names := strings.ToLower(c.Issuer.String() + "\n" + c.Subject.String())
		for _, known := range interceptors {
			if strings.Contains(names, known.word) {
				return known.name
			}
		}
	}
	return ""
}

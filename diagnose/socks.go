package diagnose

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strconv"
)

// SOCKS 5 (RFC 1928 and 1929).
const (
	socksVersion  = 5
	socksNoLogin  = 0
	socksPassword = 2
	socksNone     = 0xff
	socksConnect  = 1
	socksName     = 3
	maxSocksText  = 255
)

var socksReplies = map[byte]string{
	1: "the proxy failed", 2: "the proxy's rules do not allow it", 3: "the proxy finds the network unreachable",
	4: "the proxy finds the host unreachable", 5: "the proxy was refused by the host", 6: "the proxy's packets ran out of hops",
	7: "the proxy does not do this command", 8: "the proxy does not know this kind of address",
}

// socks asks a SOCKS proxy for a connection, by the host's name, as Go does.
func socks(conn net.Conn, proxy *url.URL, addr string) error {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	has := proxy.User != nil
	user, password := "", ""
	if has {
		user = proxy.User.Username()
		password, _ = proxy.User.Password()
	}
	if max(len(user), len(password), len(host)) > maxSocksText {
		return &refusal{text: "a name or password is too long for SOCKS", credential: has}
	}
	greeting := []byte{socksVersion, 1, socksNoLogin}
	if has {
		greeting = []byte{socksVersion, 2, socksNoLogin, socksPassword}
	}
	answer := make([]byte, 4)
	if err := exchange(conn, greeting, answer[:2]); err != nil {
		return err
	}
	switch {
	case answer[0] != socksVersion:
		return &refusal{text: "the proxy does not speak SOCKS 5", credential: has}
	case answer[1] == socksNone:
		return &refusal{text: "the proxy has no way to log in that we know", credential: has}
	case answer[1] == socksPassword:
		login := append([]byte{1, byte(len(user))}, user...)            //nolint:gosec // it is short enough, see above
		login = append(append(login, byte(len(password))), password...) //nolint:gosec // so is this
		if err := exchange(conn, login, answer[:2]); err != nil {
			return err
		}
		if answer[1] != 0 {
			return &refusal{text: "the proxy does not accept user and password", credential: has}
		}
	}
	ask := append([]byte{socksVersion, socksConnect, 0, socksName, byte(len(host))}, host...) //nolint:gosec // and this
	ask = binary.BigEndian.AppendUint16(ask, uint16(port))
	if err := exchange(conn, ask, answer); err != nil {
		return err
	}
	if answer[1] != 0 {
		return &refusal{text: orElse(socksReplies[answer[1]], "the proxy refused"), credential: has}
	}
	rest := map[byte]int{1: net.IPv4len, 4: net.IPv6len}[answer[3]]
	if answer[3] == socksName {
		if _, err := io.ReadFull(conn, answer[:1]); err != nil {
			return err
		}
		rest = int(answer[0])
	}
	_, err = io.CopyN(io.Discard, conn, int64(rest)+2)
	return err
}

func exchange(conn net.Conn, question, answer []byte) error {
	if _, err := conn.Write(question); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, answer)
	return err
}

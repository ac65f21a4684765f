// The command line of Steadfast, a module of its own so that the library requires
// none of what a command needs.
//
// It has no replace directive, because "go install …/cmd/steadfast@latest" refuses
// a module that has one. Within the repository, go.work stands in: it uses the
// library as it is here, and replaces the version required below, which need not
// be released yet, by it. The two go together: who raises the version here raises
// it in go.work. Until that version is released, "go mod tidy" cannot work here,
// and the commands that do (go build, vet, test) need the workspace.
//
// To release: tag the library (v0.1.0); run "GOWORK=off go mod tidy" here, which
// adds the library to go.sum; commit; tag this module (cmd/steadfast/v0.1.0).
module github.com/steadfast-go/claude/cmd/steadfast

go 1.26

require (
	github.com/alecthomas/kong v1.17.0
	github.com/fatih/color v1.19.0
	github.com/mattn/go-isatty v0.0.24
	github.com/steadfast-go/claude v0.1.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/sony/gobreaker/v2 v2.4.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.42.0 // indirect
)

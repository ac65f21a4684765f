// Package conformance puts claude.Transport under programs that were written for
// something else: both majors of the official Go SDK, a plain http.Client and one
// that OpenTelemetry looks into. It is a module of its own, so that the library
// requires none of them. All of it is in the tests.
package conformance

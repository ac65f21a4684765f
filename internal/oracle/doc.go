// Package oracle checks the requests and answers of package sample, and whatever
// package claudetest answers, against Anthropic's OpenAPI document. It is a module
// of its own, so that the library does not require a JSON Schema compiler. All of
// it is in the tests.
package oracle

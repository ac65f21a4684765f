// Package explain recognises the texts that people paste when a call of the
// Messages API failed: errors of the API, of gateways and of the libraries of
// several languages. What is recognised, and as what, is the table in table.go;
// what to do about it is the advice of package claude.
//
// Recognition is cautious: a status counts only where a text says that it is one,
// since prompts and logs are full of numbers. Nothing of the text is repeated in
// the answer, since people paste keys.
package explain

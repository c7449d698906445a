// This file holds the splitting of a source into its units, for those who show
// what would be published.

package definitions

import "github.com/avap-framework/avap/syntax"

// Split returns the units that a source would become, each with the text that is
// stored for it. Quotas are those of the source. Its errors are syntax.Errors: what
// compiling or the catalog have to say against the source, only Publish knows.
func Split(s Source) ([]Source, error) {
	parts, ds, err := pieces(0, s, nil)
	if err != nil {
		return nil, err
	}
	var mistakes syntax.Errors
	for _, d := range ds {
		if d.Severity == SeverityError {
			mistakes = append(mistakes, &syntax.Error{Pos: d.Pos, Msg: d.Msg})
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	units := make([]Source, len(parts))
	for i, p := range parts {
		units[i] = Source{Kind: p.key.Kind, Name: p.key.Name, Text: p.text, Quotas: s.Quotas, Capabilities: p.capabilities()}
	}
	return units, nil
}

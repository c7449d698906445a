// This file holds reading a value from outside of the package.

package vm

// Each calls f for each key of a dict with its value, in order, until one call
// fails. For any other kind it calls nothing.
func (v Value) Each(f func(key, value Value) error) error {
	if v.Kind() != Dict {
		return nil
	}
	for _, e := range v.dict().entries {
		if e.key.IsUnset() {
			continue
		}
		if err := f(e.key, e.val); err != nil {
			return err
		}
	}
	return nil
}

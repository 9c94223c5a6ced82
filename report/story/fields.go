package story

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Field is one value of an option.
type Field struct{ Name, Value string }

// Fields are the values that an option carries, under the names of package wire; what is zero is left out.
func Fields(o wire.Option) []Field {
	v := reflect.Indirect(reflect.ValueOf(o))
	if v.Kind() != reflect.Struct {
		return nil
	}
	var fields []Field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || v.Field(i).IsZero() || strings.HasPrefix(f.Name, "Has") {
			continue
		}
		fields = append(fields, Field{f.Name, shown(f.Name, v.Field(i))})
	}
	return fields
}

// random are the fields that nobody reads as numbers.
var random = map[string]bool{"Token": true, "Nonce": true, "HMAC": true, "TruncatedHMAC": true, "Checksum": true}

func shown(name string, v reflect.Value) string {
	if random[name] {
		return fmt.Sprintf("%#x", v.Interface())
	}
	if b, ok := v.Interface().([]uint8); ok {
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(b), " ", ", "), "[]")
	}
	return fmt.Sprint(v.Interface())
}

/// What a mutating call gave: `#expect` takes its operands apart and would call it on a copy.
func given<Value>(_ value: Value) -> Value { value }

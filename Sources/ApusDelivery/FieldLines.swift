extension [UInt8] {
    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }

    /// One field line. A control character in the value is written as a space (RFC 9110, section 5.5): no value begins a new
    /// field.
    mutating func appendField(_ name: String, _ value: String) {
        append(contentsOf: name.utf8)
        append(": ")
        let start = count
        append(contentsOf: value.utf8)
        for index in start..<count where (self[index] < 0x20 && self[index] != 0x09) || self[index] == 0x7F { self[index] = 0x20 }
        append("\r\n")
    }
}

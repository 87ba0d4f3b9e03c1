/// A native string gives its bytes as they lie; one that does not (a bridged one, off Linux) is copied.
@inline(__always)
func withUTF8<Result>(of text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    if let result = text.utf8.withContiguousStorageIfAvailable(body) { return result }
    return Array(text.utf8).withUnsafeBufferPointer(body)
}

/// Whether two strings are the same bytes: canonical equivalence is not what CloudEvents compare by.
func hasSameBytes(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count
        && withUTF8(of: left) { left in withUTF8(of: right) { right in isSame(left, right) } }
}

/// Whether a text is these bytes. Counts first: most comparisons end there.
func hasSameBytes(_ text: String, _ bytes: [UInt8]) -> Bool {
    text.utf8.count == bytes.count
        && withUTF8(of: text) { text in bytes.withUnsafeBufferPointer { isSame(text, $0) } }
}

/// Whether bytes of one length are the same.
@inline(__always)
func isSame(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    let (left, right) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
    var place = 0
    while place + 8 <= left.count {
        let one = left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
        guard one == right.loadUnaligned(fromByteOffset: place, as: UInt64.self) else { return false }
        place += 8
    }
    while place < left.count {
        guard left[place] == right[place] else { return false }
        place += 1
    }
    return true
}

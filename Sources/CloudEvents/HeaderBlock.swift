/// The header fields of one HTTP message as they stood on the wire: one buffer, and where each name and value lies in it.
///
/// Values are raw bytes without the white space around them: they may be no UTF-8 at all, which only the binding can judge.
public struct HeaderBlock: Sendable {
    public struct Field: Sendable, Equatable {
        public var name: Range<Int>
        public var value: Range<Int>

        @inlinable
        public init(name: Range<Int>, value: Range<Int>) {
            self.name = name
            self.value = value
        }
    }

    public var bytes: [UInt8]
    public var fields: [Field]

    @inlinable
    public init(bytes: [UInt8], fields: [Field]) {
        self.bytes = bytes
        self.fields = fields
    }

    /// A block from names and values, as a test or a client writes them.
    public init(_ pairs: [(name: String, value: String)]) {
        bytes = []
        fields = []
        for pair in pairs {
            let start = bytes.count
            bytes.append(contentsOf: pair.name.utf8)
            let middle = bytes.count
            bytes.append(contentsOf: pair.value.utf8)
            fields.append(Field(name: start..<middle, value: middle..<bytes.count))
        }
    }
}

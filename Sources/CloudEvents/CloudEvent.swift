/// An event as CloudEvents 1.0 defines it (core specification, sections 2 and 3): context attributes and data.
///
/// Attributes keep the text that they came with; nothing is normalised and nothing is invented. Two events are equal
/// when their attributes, as bytes, and their data are equal.
public struct CloudEvent: Sendable, Equatable {
    /// All context attributes, the four required ones and `specversion` included, in the order in which they came.
    public var attributes: Attributes
    /// The data as the bytes that the binary mode would carry; nil where the event has no data (which is not `null`).
    public var data: [UInt8]?

    public init(attributes: Attributes, data: [UInt8]? = nil) {
        self.attributes = attributes
        self.data = data
    }

    public var id: String { attributes.text(of: "id") ?? "" }
    public var source: String { attributes.text(of: "source") ?? "" }
    public var type: String { attributes.text(of: "type") ?? "" }
    public var specVersion: String { attributes.text(of: "specversion") ?? "" }
    public var subject: String? { attributes.text(of: "subject") }
    public var dataContentType: String? { attributes.text(of: "datacontenttype") }
}

/// One context attribute: its name (`[a-z0-9]+`, never `data`) and its value.
public struct Attribute: Sendable, Equatable {
    public var name: String
    public var value: AttributeValue

    public init(name: String, value: AttributeValue) {
        self.name = name
        self.value = value
    }
}

/// A value of the CloudEvents type system (core specification, section 2.4).
///
/// Text cases hold the decoded text exactly as it came. Equality compares bytes, not canonical equivalence.
public enum AttributeValue: Sendable {
    case boolean(Bool)
    case integer(Int32)
    case string(String)
    case binary([UInt8])
    case uri(String)
    case uriReference(String)
    case timestamp(String)
}

/// Context attributes in the order in which they came. Names are unique; lookup compares bytes.
///
/// An event has about ten attributes, so a flat list beats a dictionary.
public struct Attributes: Sendable, Equatable, RandomAccessCollection {
    private var storage: [Attribute] = []

    public init() {}

    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.count }
    public subscript(position: Int) -> Attribute { storage[position] }
}

extension Attributes {
    /// Makes room, so that a reader appends without growing.
    mutating func reserveCapacity(_ count: Int) { storage.reserveCapacity(count) }

    /// Appends an attribute. The caller has checked that the name is valid and new; see ``set(_:to:)`` for the other case.
    public mutating func append(_ name: String, _ value: AttributeValue) {
        storage.append(Attribute(name: name, value: value))
    }

    /// The value of an attribute, or nil where the event does not have it.
    public subscript(name: String) -> AttributeValue? {
        for attribute in storage where Self.isSame(attribute.name, name) { return attribute.value }
        return nil
    }

    /// The canonical text of an attribute (core specification, section 2.4), or nil where the event does not have it.
    public func text(of name: String) -> String? { self[name]?.text }

    /// Where an attribute stands, or nil where the event does not have it.
    package func firstIndex(of name: AttributeName) -> Int? {
        storage.withUnsafeBufferPointer { attributes in
            name.bytes.withUnsafeBufferPointer { bytes in
                for index in attributes.indices where Self.isSame(attributes[index].name, bytes) { return index }
                return nil
            }
        }
    }

    /// The value at a place; it alone, so that no name is retained on a filter's way.
    package func value(at index: Int) -> AttributeValue { storage[index].value }

    /// Counts first: most comparisons end there.
    @inline(__always)
    private static func isSame(_ name: borrowing String, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name.utf8.count == bytes.count else { return false }
        return name.utf8.withContiguousStorageIfAvailable { name in
            for index in bytes.indices where name[index] != bytes[index] { return false }
            return true
        } ?? name.utf8.elementsEqual(bytes)
    }

    /// Replaces an attribute's value, or appends it where it is new.
    public mutating func set(_ name: String, to value: AttributeValue) {
        for index in storage.indices where Self.isSame(storage[index].name, name) {
            storage[index].value = value
            return
        }
        append(name, value)
    }

    /// Removes an attribute and gives its value back.
    @discardableResult
    public mutating func remove(_ name: String) -> AttributeValue? {
        guard let index = storage.firstIndex(where: { Self.isSame($0.name, name) }) else { return nil }
        return storage.remove(at: index).value
    }

    /// Whether two names are the same bytes. Canonical equivalence is asked first because it is the faster of the two.
    private static func isSame(_ left: String, _ right: String) -> Bool {
        left == right && left.utf8.elementsEqual(right.utf8)
    }
}

/// The name of an attribute, made ready to be looked for again and again.
package struct AttributeName: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    fileprivate let bytes: [UInt8]

    package init(_ name: String) {
        description = name
        bytes = Array(name.utf8)
    }
}

internal import CloudEvents

/// The tests of one attribute, and where each leads: found by the hash of the value, of its beginnings and of its ends.
///
/// What is found may be too much, where two texts share a hash; the filters themselves are asked in any case.
struct FilterTable: Sendable {
    private let name: AttributeName
    private let present: [Int32]
    private let equal: HashTable
    private let prefixes: Affixes
    private let suffixes: Affixes

    private struct Affixes: Sendable {
        /// Ascending.
        let lengths: [Int]
        let table: HashTable
    }

    init(_ name: AttributeName, _ entries: [(test: AttributeTest, node: Int32)]) {
        self.name = name
        func of(_ relation: AttributeTest.Relation) -> [(value: [UInt8], node: Int32)] {
            entries.filter { $0.test.relation == relation }.map { (value: $0.test.value, node: $0.node) }
        }
        func affixes(_ list: [(value: [UInt8], node: Int32)], isReversed: Bool) -> Affixes {
            let table = HashTable(
                list.map { entry in
                    (
                        key: (isReversed ? entry.value.reversed() : entry.value).reduce(Rolling.start, Rolling.add),
                        node: entry.node
                    )
                })
            return Affixes(lengths: Set(list.map(\.value.count)).sorted(), table: table)
        }
        present = of(.present).map(\.node)
        equal = HashTable(of(.equal).map { entry in (key: entry.value.withUnsafeBufferPointer(Self.hash), node: entry.node) })
        prefixes = affixes(of(.prefix), isReversed: false)
        suffixes = affixes(of(.suffix), isReversed: true)
    }

    /// Calls `body` with the nodes to which an event's value leads.
    func forEachChild(_ attributes: Attributes, _ body: (Int32) -> Void) {
        guard let index = attributes.firstIndex(of: name) else { return }
        for node in present { body(node) }
        switch attributes.value(at: index) {
        case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text): look(text, body)
        case let other: look(other.text, body)
        }
    }

    private func look(_ text: String, _ body: (Int32) -> Void) {
        withUTF8(of: text) { bytes in
            if !equal.isEmpty { equal.forEach(Self.hash(bytes), body) }
            var hash = Rolling.start
            var position = 0
            for length in prefixes.lengths where length <= bytes.count {
                while position < length {
                    hash = Rolling.add(hash, bytes[position])
                    position += 1
                }
                prefixes.table.forEach(hash, body)
            }
            (hash, position) = (Rolling.start, 0)
            for length in suffixes.lengths where length <= bytes.count {
                while position < length {
                    position += 1
                    hash = Rolling.add(hash, bytes[bytes.count - position])
                }
                suffixes.table.forEach(hash, body)
            }
        }
    }

    /// Of a whole value, eight bytes at a time.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let raw = UnsafeRawBufferPointer(bytes)
        var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var position = 0
        while position + 8 <= raw.count {
            hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            position += 8
        }
        var tail: UInt64 = 0
        while position < raw.count {
            tail = tail << 8 | UInt64(raw[position])
            position += 1
        }
        return mix(hash ^ tail)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }

    /// A hash that grows by a byte at a time, so that all prefixes of a value cost one pass (FNV-1a).
    private enum Rolling {
        static let start: UInt64 = 0xCBF2_9CE4_8422_2325
        static func add(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
}

/// From a hash to nodes: open addressing, at most half full.
private struct HashTable: Sendable {
    private struct Slot {
        var key: UInt64 = 0
        var node: Int32 = -1
    }

    private var slots: [Slot] = []
    private let mask: Int

    var isEmpty: Bool { slots.isEmpty }

    init(_ entries: [(key: UInt64, node: Int32)]) {
        var size = 2
        while size < entries.count * 2 { size *= 2 }
        mask = size - 1
        guard !entries.isEmpty else { return }
        slots = Array(repeating: Slot(), count: size)
        for entry in entries {
            var place = Self.home(entry.key, mask)
            while slots[place].node >= 0 { place = (place + 1) & mask }
            slots[place] = Slot(key: entry.key, node: entry.node)
        }
    }

    private static func home(_ key: UInt64, _ mask: Int) -> Int { Int(truncatingIfNeeded: key ^ (key >> 32)) & mask }

    func forEach(_ key: UInt64, _ body: (Int32) -> Void) {
        var place = Self.home(key, mask)
        while slots[place].node >= 0 {
            if slots[place].key == key { body(slots[place].node) }
            place = (place + 1) & mask
        }
    }
}

internal import CloudEvents

/// The tests of one attribute at one node each, and where they lead: found by the hash of the value, of its beginnings and of
/// its ends.
///
/// What is found may be too much, where two texts share a hash; the filters themselves are asked in any case.
struct FilterTables: Sendable {
    private struct Table: Sendable {
        let name: AttributeName
        /// Nodes for events that have the attribute.
        let present: Range<Int>
        let equal: HashTable
        let prefixes: Affixes
        let suffixes: Affixes
    }

    private struct Affixes: Sendable {
        /// A stretch of `lengths`.
        let lengths: Range<Int>
        let table: HashTable
    }

    /// A stretch of `slots`, a power of two long and at most half full: open addressing.
    private struct HashTable: Sendable {
        let start: Int
        let count: Int
    }

    private struct Slot: Sendable {
        var key: UInt64 = 0
        var node = -1
    }

    private var tables: [Table] = []
    private var slots: [Slot] = []
    /// Of prefixes and of suffixes, in bytes, ascending.
    private var lengths: [Int] = []
    private var present: [Int] = []
    /// How often two entries of one table had the same hash.
    private var sharedKeys = 0

    var count: Int { tables.count }

    /// Finds the nodes to which an event's value leads.
    func look(_ table: Int, _ attributes: Attributes, into found: inout FoundNodes) {
        tables.withUnsafeBufferPointer { tables in
            guard let index = attributes.firstIndex(of: tables[table].name) else { return }
            for place in tables[table].present { found.add(present[place]) }
            switch attributes.value(at: index) {
            case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text):
                withUTF8(of: text) { look(tables[table], $0, into: &found) }
            case let other: withUTF8(of: other.text) { look(tables[table], $0, into: &found) }
            }
        }
    }

    private func look(_ table: borrowing Table, _ bytes: UnsafeBufferPointer<UInt8>, into found: inout FoundNodes) {
        slots.withUnsafeBufferPointer { slots in
            if table.equal.count > 0 { Self.find(Self.hash(bytes), in: table.equal, of: slots, into: &found) }
            var hash = Rolling.start
            var position = 0
            for place in table.prefixes.lengths where lengths[place] <= bytes.count {
                while position < lengths[place] {
                    hash = Rolling.add(hash, bytes[position])
                    position += 1
                }
                Self.find(hash, in: table.prefixes.table, of: slots, into: &found)
            }
            (hash, position) = (Rolling.start, 0)
            for place in table.suffixes.lengths where lengths[place] <= bytes.count {
                while position < lengths[place] {
                    position += 1
                    hash = Rolling.add(hash, bytes[bytes.count - position])
                }
                Self.find(hash, in: table.suffixes.table, of: slots, into: &found)
            }
        }
    }

    @inline(__always)
    private static func find(
        _ key: UInt64, in table: HashTable, of slots: UnsafeBufferPointer<Slot>, into found: inout FoundNodes
    ) {
        var place = home(key, table)
        while slots[table.start + place].node >= 0 {
            if slots[table.start + place].key == key { found.add(slots[table.start + place].node) }
            place = (place + 1) & (table.count - 1)
        }
    }

    private static func home(_ key: UInt64, _ table: HashTable) -> Int {
        Int(truncatingIfNeeded: key ^ (key >> 32)) & (table.count - 1)
    }
}

// MARK: - Building

extension FilterTables {
    /// Gives false where two values of one table share a hash, so that one value can lead to both.
    mutating func add(_ name: AttributeName, _ entries: [(test: AttributeTest, node: Int)]) -> Bool {
        func of(_ relation: AttributeTest.Relation) -> [(value: [UInt8], node: Int)] {
            entries.filter { $0.test.relation == relation }.map { (value: $0.test.value, node: $0.node) }
        }
        let start = present.count
        present += of(.present).map(\.node)
        let sharedBefore = sharedKeys
        let equal = hashTable(of(.equal).map { entry in (key: entry.value.withUnsafeBufferPointer(Self.hash), node: entry.node) })
        tables.append(
            Table(
                name: name, present: start..<present.count, equal: equal, prefixes: affixes(of(.prefix)),
                suffixes: affixes(of(.suffix).map { (value: $0.value.reversed(), node: $0.node) })))
        return sharedKeys == sharedBefore
    }

    private mutating func affixes(_ list: [(value: [UInt8], node: Int)]) -> Affixes {
        let start = lengths.count
        lengths += Set(list.map(\.value.count)).sorted()
        let table = hashTable(list.map { entry in (key: entry.value.reduce(Rolling.start, Rolling.add), node: entry.node) })
        return Affixes(lengths: start..<lengths.count, table: table)
    }

    private mutating func hashTable(_ entries: [(key: UInt64, node: Int)]) -> HashTable {
        var size = entries.isEmpty ? 0 : 2
        while size < entries.count * 2 { size *= 2 }
        let table = HashTable(start: slots.count, count: size)
        slots += Array(repeating: Slot(), count: size)
        for entry in entries {
            var place = Self.home(entry.key, table)
            while slots[table.start + place].node >= 0 {
                if slots[table.start + place].key == entry.key { sharedKeys += 1 }
                place = (place + 1) & (size - 1)
            }
            slots[table.start + place] = Slot(key: entry.key, node: entry.node)
        }
        return table
    }
}

// MARK: - Hashes

extension FilterTables {
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

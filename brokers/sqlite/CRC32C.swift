internal import CSQLite

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78): by the processor where it can, else by tables, eight bytes a step.
package enum CRC32C {
    /// The state before the first byte.
    package static let start: UInt32 = .max

    private static let inHardware = apus_crc32c_in_hardware() != 0

    /// The state after `bytes`; ``finish(_:)`` makes a checksum of it.
    package static func update(_ state: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard inHardware else { return updateByTables(state, bytes) }
        return apus_crc32c_hardware(state, bytes.baseAddress, bytes.count)
    }

    package static func finish(_ state: UInt32) -> UInt32 { ~state }

    /// Eight tables of 256: table `k` is what a byte does to the state when `k` more bytes follow it.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
            tables[byte] = value
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = (before >> 8) ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    /// The same without the instruction, for processors that lack it.
    package static func updateByTables(_ start: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        tables.withUnsafeBufferPointer { tables in
            var state = start
            var index = 0
            while index + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ UInt64(state)
                state = 0
                for byte in 0..<8 { state ^= tables[(7 - byte) * 256 + Int((word >> UInt64(byte * 8)) & 0xFF)] }
                index += 8
            }
            while index < bytes.count {
                state = (state >> 8) ^ tables[Int((state ^ UInt32(bytes[index])) & 0xFF)]
                index += 1
            }
            return state
        }
    }
}

/// What goes on of a trace: `traceparent` without its span (W3C Trace Context, section 3.2).
struct TraceContext: Sendable, Equatable {
    /// 32 hexadecimal digits.
    private let traceID: [UInt8]
    /// 2 hexadecimal digits.
    private let flags: [UInt8]

    /// Reads a `traceparent`; nil for one that is not valid, which ends the trace (section 3.2.2.3).
    ///
    /// A version that is not known yet is read as 00 where it is at least as long.
    init?(_ traceparent: String) {
        let bytes = Array(traceparent.utf8)
        guard bytes.count >= 55, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            [0..<2, 3..<35, 36..<52, 53..<55].allSatisfy({ bytes[$0].allSatisfy(Self.isLowerHex) })
        else { return nil }
        let version = bytes[..<2]
        guard !version.elementsEqual("ff".utf8) else { return nil }
        guard bytes.count == 55 || (!version.elementsEqual("00".utf8) && bytes[55] == Self.dash) else { return nil }
        let zero = UInt8(ascii: "0")
        guard bytes[3..<35].contains(where: { $0 != zero }), bytes[36..<52].contains(where: { $0 != zero }) else { return nil }
        traceID = Array(bytes[3..<35])
        flags = Array(bytes[53..<55])
    }

    /// Writes the `traceparent` whose span is `spanID`.
    func append(spanID: UInt64, to bytes: inout [UInt8]) {
        bytes.append("00-")
        bytes.append(contentsOf: traceID)
        bytes.append(Self.dash)
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: (spanID >> shift) & 15)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        bytes.append(Self.dash)
        bytes.append(contentsOf: flags)
    }

    private static let dash = UInt8(ascii: "-")

    private static func isLowerHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

/// The trace as one delivery carried it: what a reply goes on with.
struct SentTrace: Sendable {
    var context: TraceContext
    var spanID: UInt64
    /// `tracestate`, unchanged.
    var state: String?

    func appendParent(to bytes: inout [UInt8]) { context.append(spanID: spanID, to: &bytes) }
}

/// Random span ids from a seed (SplitMix64), never 0, which is no span (W3C Trace Context, section 3.2.2.4).
struct SpanIDs: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return mixed == 0 ? 1 : mixed
    }
}

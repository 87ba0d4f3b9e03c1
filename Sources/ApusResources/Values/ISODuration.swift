/// A duration of ISO 8601 as a field holds it: the text stays as it was written.
///
/// Weeks, days, hours, minutes and seconds, e.g. `PT0.2S`, `P1D`, `PT10M`, `P1DT12H`; a decimal fraction on the last number, to
/// nanoseconds; a sign in front. Years and months are refused: they have no fixed length. At most 36500 days.
public struct ISODuration: Sendable, Equatable {
    public let text: String
    public let duration: Duration

    /// The message of the error says what is wrong with the text.
    public init(_ text: String) throws(ISODurationError) {
        self.text = text
        var parser = ISODurationParser(bytes: Array(text.utf8), text: text)
        duration = try parser.parse()
    }

    public init?(validating text: String) {
        guard let value = try? ISODuration(text) else { return nil }
        self = value
    }

    public static func == (left: ISODuration, right: ISODuration) -> Bool { left.text == right.text }
}

/// Why a text is no duration.
public struct ISODurationError: Error, Sendable, Equatable {
    public var message: String
}

private struct ISODurationParser {
    private static let daysMax: Int64 = 36_500
    let bytes: [UInt8]
    let text: String
    private var index = 0
    private var nanoseconds: Int64 = 0

    init(bytes: [UInt8], text: String) {
        self.bytes = bytes
        self.text = text
    }

    private static let dateUnits: [(letter: UInt8, seconds: Int64)] = [
        (UInt8(ascii: "W"), 604_800), (UInt8(ascii: "D"), 86_400),
    ]
    private static let timeUnits: [(letter: UInt8, seconds: Int64)] = [
        (UInt8(ascii: "H"), 3600), (UInt8(ascii: "M"), 60), (UInt8(ascii: "S"), 1),
    ]

    mutating func parse() throws(ISODurationError) -> Duration {
        let isNegative = take(UInt8(ascii: "-"))
        if !isNegative { _ = take(UInt8(ascii: "+")) }
        guard take(UInt8(ascii: "P")) else { throw invalid() }
        var parts = try units(Self.dateUnits)
        if take(UInt8(ascii: "T")) {
            let times = try units(Self.timeUnits)
            guard times > 0 else { throw invalid() }
            parts += times
        }
        guard parts > 0, index == bytes.count else { throw invalid() }
        return .nanoseconds(isNegative ? -nanoseconds : nanoseconds)
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    /// Reads numbers with their units, each unit at most once and in order. Gives how many there were.
    private mutating func units(_ units: [(letter: UInt8, seconds: Int64)]) throws(ISODurationError) -> Int {
        var remaining = units[...]
        var count = 0
        while index < bytes.count, isDigit(bytes[index]) {
            let whole = try digits()
            var fraction: (value: Int64, scale: Int64) = (0, 1)
            let hasFraction = take(UInt8(ascii: ".")) || take(UInt8(ascii: ","))
            if hasFraction { fraction = try self.fraction() }
            guard index < bytes.count else { throw invalid() }
            let letter = bytes[index]
            if letter == UInt8(ascii: "Y") || (letter == UInt8(ascii: "M") && units.count == 2) {
                throw ISODurationError(message: "invalid value: \(text): years and months have no fixed length; use days")
            }
            guard let unit = remaining.firstIndex(where: { $0.letter == letter }) else { throw invalid() }
            index += 1
            guard !hasFraction || index == bytes.count else { throw invalid() }
            try add(whole, fraction, seconds: remaining[unit].seconds)
            remaining = remaining[(unit + 1)...]
            count += 1
        }
        return count
    }

    private mutating func digits() throws(ISODurationError) -> Int64 {
        var value: Int64 = 0
        while index < bytes.count, isDigit(bytes[index]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(bytes[index] - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw tooLong() }
            value = sum
            index += 1
        }
        return value
    }

    /// Up to nine digits count; finer than a nanosecond is cut off.
    private mutating func fraction() throws(ISODurationError) -> (value: Int64, scale: Int64) {
        var value: Int64 = 0
        var scale: Int64 = 1
        let start = index
        while index < bytes.count, isDigit(bytes[index]) {
            if scale < 1_000_000_000 {
                value = value * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
                scale *= 10
            }
            index += 1
        }
        guard index > start else { throw invalid() }
        return (value, scale)
    }

    private mutating func add(
        _ whole: Int64, _ fraction: (value: Int64, scale: Int64), seconds: Int64
    ) throws(ISODurationError) {
        let bound = Self.daysMax * 86_400
        guard whole <= bound / seconds else { throw tooLong() }
        // At most 999 999 999 · 604 800, which Int64 holds before the scale brings it to nanoseconds.
        let part = fraction.value * seconds
        let fine = part / fraction.scale * 1_000_000_000 + part % fraction.scale * (1_000_000_000 / fraction.scale)
        nanoseconds += whole * seconds * 1_000_000_000 + fine
        guard nanoseconds <= bound * 1_000_000_000 else { throw tooLong() }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private func invalid() -> ISODurationError {
        ISODurationError(message: "invalid value: \(text): must be a duration of ISO 8601, e.g. PT0.2S, PT10M or P1D")
    }

    private func tooLong() -> ISODurationError {
        ISODurationError(message: "invalid value: \(text): must be at most \(Self.daysMax) days")
    }
}

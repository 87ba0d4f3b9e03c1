/// One field of a schedule: which of its values it names, as a set of bits.
package struct CronField: Sendable, Hashable {
    /// What a field counts, and the names that its values have.
    package struct Unit: Sendable {
        var name: String
        var range: ClosedRange<Int>
        var names: [String] = []

        static let second = Unit(name: "second", range: 0...59)
        static let minute = Unit(name: "minute", range: 0...59)
        static let hour = Unit(name: "hour", range: 0...23)
        static let day = Unit(name: "day of the month", range: 1...31)
        static let month = Unit(
            name: "month", range: 1...12,
            names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
        static let weekday = Unit(
            name: "day of the week", range: 0...6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])
    }

    private var bits: UInt64 = 0
    /// Whether one of its items is `*` or `?` with no step: the rule of the two day fields asks for it.
    private(set) var isStar = false
    /// Whether it begins with `*` or `?`: such a schedule goes by elapsed time where clocks change.
    private(set) var isWildcard = false

    func contains(_ value: Int) -> Bool { bits & (1 << UInt64(value)) != 0 }

    /// The first value at or after `value`, or nil.
    func next(from value: Int) -> Int? {
        guard value < 64 else { return nil }
        let rest = (bits >> UInt64(value)) << UInt64(value)
        return rest == 0 ? nil : rest.trailingZeroBitCount
    }

    /// Reads `*`, `?`, `5`, `1-5`, `*/15`, `10/5`, `1-30/2`, names, and lists of those with commas.
    init(_ text: String, _ unit: Unit) throws(CronError) {
        isWildcard = text.utf8.first.map { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") } ?? false
        for item in text.split(separator: ",", omittingEmptySubsequences: false) { try add(String(item), unit) }
    }

    private mutating func add(_ item: String, _ unit: Unit) throws(CronError) {
        let parts = item.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2 else { throw CronError("too many slashes: \(item)") }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard ends.count <= 2 else { throw CronError("too many hyphens: \(item)") }
        var step = 1
        if parts.count == 2 {
            step = try Self.number(parts[1], in: item)
            guard step > 0 else { throw CronError("step of range should be a positive number: \(item)") }
        }
        let low: Int
        let high: Int
        if ends[0] == "*" || ends[0] == "?" {
            guard ends.count == 1 else { throw CronError("\(ends[0]) stands for the whole range and has no end: \(item)") }
            (low, high) = (unit.range.lowerBound, unit.range.upperBound)
            if step == 1 { isStar = true }
        } else {
            low = try Self.value(ends[0], unit, in: item)
            // `N/step` is from N to the end, as robfig/cron has it.
            high = ends.count == 2 ? try Self.value(ends[1], unit, in: item) : parts.count == 2 ? unit.range.upperBound : low
        }
        guard low >= unit.range.lowerBound else {
            throw CronError("beginning of range (\(low)) below minimum (\(unit.range.lowerBound)) of the \(unit.name): \(item)")
        }
        guard high <= unit.range.upperBound else {
            let hint = unit.range == Unit.weekday.range && high == 7 ? "; Sunday is 0" : ""
            throw CronError("end of range (\(high)) above maximum (\(unit.range.upperBound)) of the \(unit.name): \(item)\(hint)")
        }
        guard low <= high else { throw CronError("beginning of range (\(low)) beyond end of range (\(high)): \(item)") }
        for value in stride(from: low, through: high, by: step) { bits |= 1 << UInt64(value) }
    }

    private static func value(_ text: String, _ unit: Unit, in item: String) throws(CronError) -> Int {
        if let index = unit.names.firstIndex(of: text.lowercased()) { return index + unit.range.lowerBound }
        return try number(text, in: item)
    }

    private static func number(_ text: String, in item: String) throws(CronError) -> Int {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else {
            throw CronError("failed to parse int from \(text.isEmpty ? "nothing" : text): \(item)")
        }
        return number
    }
}

/// What is wrong with a schedule, in the words that Knative has for it where it has some.
package struct CronError: Error, Sendable, Equatable {
    package var message: String
    /// Whether it is the zone that is wrong, and not the schedule.
    package var isZone = false

    init(_ message: String, isZone: Bool = false) {
        self.message = message
        self.isZone = isZone
    }
}

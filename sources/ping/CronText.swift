extension Cron {
    /// Reads a schedule. `zone` is `spec.timezone`; nil is UTC, or what a prefix of the text says.
    package init(_ text: String, zone: String? = nil) throws(CronError) {
        let (prefix, schedule) = try Self.split(text)
        if prefix != nil, zone != nil { throw CronError("the zone stands twice: as a prefix of the schedule and as timezone") }
        let name = prefix ?? zone ?? "UTC"
        guard let zone = CronZone(name) else {
            throw CronError("provided bad location \(name): unknown time zone \(name)", isZone: prefix == nil)
        }
        guard schedule.utf8.first != UInt8(ascii: "@") else {
            self.init(rule: try Self.descriptor(schedule), zone: zone)
            return
        }
        var fields = schedule.split(whereSeparator: Self.isSpace).map(String.init)
        guard (5...6).contains(fields.count) else {
            let found = fields.joined(separator: " ")
            throw CronError(
                fields.isEmpty ? "empty spec string" : "expected 5 to 6 fields, found \(fields.count): [\(found)]")
        }
        if fields.count == 5 { fields.insert("0", at: 0) }
        self.init(rule: .fields(try CronFields(fields)), zone: zone)
    }

    /// The zone that a prefix gives, and the rest.
    private static func split(_ text: String) throws(CronError) -> (zone: String?, schedule: String) {
        let trimmed = text.drop(while: isSpace)
        for prefix in ["CRON_TZ=", "TZ="] where trimmed.hasPrefix(prefix) {
            let rest = trimmed.dropFirst(prefix.count)
            guard let space = rest.firstIndex(where: isSpace) else { throw CronError("empty spec string") }
            return (String(rest[..<space]), trim(rest[space...]))
        }
        return (nil, trim(trimmed))
    }

    private static func trim(_ text: Substring) -> String {
        var text = text.drop(while: isSpace)
        while text.last.map(isSpace) ?? false { text.removeLast() }
        return String(text)
    }

    private static func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" || character == "\n" }

    private static func descriptor(_ text: String) throws(CronError) -> Rule {
        let fields: String
        switch text {
        case "@yearly", "@annually": fields = "0 0 0 1 1 *"
        case "@monthly": fields = "0 0 0 1 * *"
        case "@weekly": fields = "0 0 0 * * 0"
        case "@daily", "@midnight": fields = "0 0 0 * * *"
        case "@hourly": fields = "0 0 * * * *"
        default:
            guard text.hasPrefix("@every ") else { throw CronError("unrecognized descriptor: \(text)") }
            let duration = trim(text.dropFirst("@every ".count))
            guard let seconds = GoDuration.seconds(duration) else {
                throw CronError("failed to parse duration \(text): a duration such as 90s, 5m or 1h30m is needed")
            }
            // Less than a second is a second, as robfig/cron rounds it.
            return .every(max(1, seconds))
        }
        return .fields(try CronFields(fields.split(separator: " ").map(String.init)))
    }
}

extension CronFields {
    /// `texts` are the six fields, seconds first.
    fileprivate init(_ texts: [String]) throws(CronError) {
        second = try CronField(texts[0], .second)
        minute = try CronField(texts[1], .minute)
        hour = try CronField(texts[2], .hour)
        day = try CronField(texts[3], .day)
        month = try CronField(texts[4], .month)
        weekday = try CronField(texts[5], .weekday)
    }
}

/// Durations as Go writes them: `90s`, `1h30m`, `1.5h`.
enum GoDuration {
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]

    /// Whole seconds; nil for what is no duration, for one that is not above zero, and for one of more than 100 years.
    static func seconds(_ text: String) -> Int64? {
        var rest = text[...]
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(unit.count)
            guard digits.contains(where: { $0 != "." }), let number = Double(digits),
                let factor = units.first(where: { $0.name == unit })?.nanoseconds
            else { return nil }
            total += number * factor
        }
        guard total > 0, total <= 100 * 366 * 86_400e9 else { return nil }
        return Int64(total / 1e9)
    }
}

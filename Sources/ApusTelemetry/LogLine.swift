package import Logging

/// How log lines are written.
public enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-11-21T10:54:00.123Z info  broker opened namespace=default broker=default`
    case text
    /// One JSON object a line: `time`, `level`, `message`, and the metadata beside them.
    case json
}

/// One line of the log, as a value: what stands in it, and its two spellings.
package struct LogLine: Sendable {
    /// Wall clock, nanoseconds since 1970 UTC.
    package var nanoseconds: Int64
    package var level: Logger.Level
    package var message: String
    package var metadata: Logger.Metadata

    package init(nanoseconds: Int64, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        self.nanoseconds = nanoseconds
        self.level = level
        self.message = message
        self.metadata = metadata
    }

    /// The line without its line feed. No metadata can add a line of its own: control characters are escaped.
    package func rendered(as format: LogFormat) -> String {
        switch format {
        case .text: text
        case .json: json
        }
    }

    private var text: String {
        let level = Self.shortName(of: level)
        var line = "\(Self.rfc3339(nanoseconds)) \(level)\(String(repeating: " ", count: 5 - level.count)) "
        line += Self.isPlain(message, spaces: true) ? message : JSONText.string(message)
        for (key, value) in sortedMetadata {
            let text = Self.plainText(of: value)
            line += " \(key)=\(Self.isPlain(text, spaces: false) ? text : JSONText.string(text))"
        }
        return line
    }

    private var json: String {
        var members = [
            "\"time\":\"\(Self.rfc3339(nanoseconds))\"", "\"level\":\"\(level.rawValue)\"",
            "\"message\":\(JSONText.string(message))",
        ]
        let reserved = ["time", "level", "message"]
        for (key, value) in sortedMetadata {
            let key = reserved.contains(key) ? "metadata.\(key)" : key
            members.append("\(JSONText.string(key)):\(JSONText.value(value))")
        }
        return "{\(members.joined(separator: ","))}"
    }

    /// The house's keys in their own order, others after them by name.
    private var sortedMetadata: [(key: String, value: Logger.MetadataValue)] {
        metadata.sorted { left, right in
            let leftRank = Self.ranks[left.key] ?? Int.max
            let rightRank = Self.ranks[right.key] ?? Int.max
            return leftRank == rightRank ? left.key < right.key : leftRank < rightRank
        }
    }

    private static let ranks = Dictionary(uniqueKeysWithValues: LogKey.all.enumerated().map { ($1, $0) })

    private static func shortName(of level: Logger.Level) -> String {
        switch level {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .notice: "note"
        case .warning: "warn"
        case .error: "error"
        case .critical: "fatal"
        }
    }

    private static func plainText(of value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): text
        case .stringConvertible(let value): value.description
        case .array, .dictionary: JSONText.value(value)
        }
    }

    /// Whether a text can stand unquoted: it is not empty, and nothing in it could be taken for the end of it.
    private static func isPlain(_ text: String, spaces: Bool) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy { scalar in
                guard scalar.value > 0x20, scalar.value != 0x7F else { return spaces && scalar == " " }
                return spaces || scalar != "\""
            }
    }

    /// RFC 3339 in UTC with milliseconds. Days to date as in the proleptic Gregorian calendar, eras of 400 years.
    static func rfc3339(_ nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds.flooredDivision(by: 1_000_000)
        let days = milliseconds.flooredDivision(by: 86_400_000)
        let ofDay = milliseconds - days * 86_400_000
        let shifted = days + 719_468
        let era = shifted.flooredDivision(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let date = "\(year.padded(4))-\(month.padded(2))-\(day.padded(2))"
        let time = "\((ofDay / 3_600_000).padded(2)):\((ofDay / 60_000 % 60).padded(2)):\((ofDay / 1000 % 60).padded(2))"
        return "\(date)T\(time).\((ofDay % 1000).padded(3))Z"
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}

/// JSON for log lines: what JSON must escape, and the line separators that some readers take for line ends.
enum JSONText {
    static func string(_ text: String) -> String {
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\n": json += "\\n"
            case "\r": json += "\\r"
            case "\t": json += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F || (0x2028...0x2029).contains(scalar.value):
                let hex = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }

    static func value(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): return string(text)
        case .stringConvertible(let value):
            switch value {
            case let number as any BinaryInteger: return "\(number)"
            case let flag as Bool: return flag ? "true" : "false"
            default: return string(value.description)
            }
        case .array(let values): return "[\(values.map(Self.value).joined(separator: ","))]"
        case .dictionary(let members):
            let sorted = members.sorted { $0.key < $1.key }
            return "{\(sorted.map { "\(string($0.key)):\(Self.value($0.value))" }.joined(separator: ","))}"
        }
    }
}

import ApusResources
import CloudEvents

/// How far a replay is, as a line of text. Pure: what it was seen to do, and when, is given.
struct ProgressLine: Equatable {
    var name: String
    var status: ReplayStatus
    /// Deliveries with an outcome, a second; nil while it cannot be told.
    var perSecond: Double?
    /// nil while it cannot be told.
    var secondsLeft: Double?

    /// One line for a terminal of so many columns: a bar, and the figures.
    func bar(columns: Int) -> String {
        let figures = [percent, counts, status.failed > 0 ? "\(status.failed) failed" : nil] + pace
        let text = figures.compactMap { $0 }.joined(separator: "  ")
        let width = min(40, columns - name.count - text.count - 7)
        guard width >= 5 else { return String("\(name)  \(text)".prefix(max(0, columns - 1))) }
        let filled = Int((status.fraction ?? 0) * Double(width))
        let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled)
        return "\(name)  [\(bar)]  \(text)"
    }

    /// One line for a log.
    var text: String {
        var parts = [status.state?.rawValue ?? "unknown", sentence]
        if let percent, status.state?.isOver != true { parts[1] += " (\(percent.trimmed))" }
        if status.failed > 0 { parts.append("\(status.failed) failed") }
        if status.damaged > 0 { parts.append("\(status.damaged) unreadable") }
        if isMoving {
            if let perSecond { parts.append("\(Self.rate(perSecond)) events/s") }
            if let secondsLeft { parts.append("\(Self.duration(secondsLeft)) left") }
        }
        let note = status.message.isEmpty ? "" : ": \(status.message)"
        return "\(name): \(parts.joined(separator: ", "))\(note)"
    }

    /// What is said once it is over: what came of it, and what can be done about it.
    ///
    /// - Parameter place: The name as the commands want it: see ``ReplayWatching/place(_:_:)``.
    func end(place: String) -> [String] {
        var lines = [text]
        if let from = status.from, let until = status.until { lines[0] += " [\(from) to \(until)]" }
        if let startedAt = status.startedAt, let completionTime = status.completionTime {
            let seconds = Double(completionTime.nanoseconds - startedAt.nanoseconds) / 1e9
            lines[0] += " in " + (seconds < 10 ? "\(Self.rate(max(0, seconds)))s" : Self.duration(seconds))
            if seconds > 0, status.finished > 0 { lines[0] += ", \(Self.rate(Double(status.finished) / seconds)) events/s" }
        }
        if status.state == .failed {
            lines.append("apus replay resume \(place) goes on\(status.position.map { " at \($0)" } ?? "")")
        }
        return lines
    }

    /// Where something failed: what shows why.
    func remarks(broker: String, namespace: String) -> [String] {
        guard status.failed > 0 else { return [] }
        let place = namespace == "default" ? broker : "\(broker) -n \(namespace)"
        return ["what failed is a dead letter: apus deadletters list -b \(place)"]
    }

    private var isMoving: Bool { status.state == .running }

    private var percent: String? {
        guard let fraction = status.fraction else { return nil }
        let text = "\(Int(fraction * 100))%"
        return String(repeating: " ", count: max(0, 4 - text.count)) + text
    }

    private var counts: String { status.counted.map { "\(status.delivered)/\($0)" } ?? "\(status.delivered) delivered" }

    private var sentence: String {
        status.counted.map { "\(status.delivered) of \($0) delivered" } ?? "\(status.delivered) delivered"
    }

    private var pace: [String?] {
        guard isMoving else { return [status.state.map(\.rawValue)] }
        return [perSecond.map { "\(Self.rate($0))/s" }, secondsLeft.map { "ETA \(Self.duration($0))" }]
    }

    /// A tenth below ten, else whole.
    static func rate(_ value: Double) -> String {
        guard value < 10 else { return String(Int(min(value, 1e15).rounded())) }
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
    }

    /// `45s`, `5m30s`, `3h12m`, `2d4h`.
    static func duration(_ seconds: Double) -> String {
        guard seconds < 1e9 else { return "years" }
        let whole = max(0, Int(seconds.rounded()))
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return "\(whole / 60)m\(whole % 60)s" }
        if whole < 86_400 { return "\(whole / 3600)h\(whole / 60 % 60)m" }
        return "\(whole / 86_400)d\(whole / 3600 % 24)h"
    }
}

/// How fast a replay goes, of what it was in the last seconds.
struct ReplaySpeed {
    private static let windowSeconds = 10.0

    private struct Sample {
        var seconds: Double
        var finished: Int64
        var fraction: Double?
    }

    private var samples: [Sample] = []

    /// Takes in a status, `seconds` after any fixed moment, and gives the line that says it.
    mutating func line(_ name: String, _ status: ReplayStatus, seconds: Double) -> ProgressLine {
        // What was before a pause says nothing about what comes.
        if status.state != .running { samples.removeAll() }
        samples.append(Sample(seconds: seconds, finished: status.finished, fraction: status.fraction))
        while samples.count > 2, samples[1].seconds <= seconds - Self.windowSeconds { samples.removeFirst() }
        var line = ProgressLine(name: name, status: status)
        guard let first = samples.first, seconds - first.seconds >= 0.2 else { return line }
        let elapsed = seconds - first.seconds
        line.perSecond = Double(max(0, status.finished - first.finished)) / elapsed
        if let before = first.fraction, let now = status.fraction, now > before {
            line.secondsLeft = (1 - now) / ((now - before) / elapsed)
        }
        return line
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }) }
}

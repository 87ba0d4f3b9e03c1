import ApusTelemetry
import Logging
import Testing

/// The calls that write the log, as the sources have them, against the list of ``LogMessage``.
@Suite struct `The log of the node` {
    private static let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
    private static let sources = Repository.sources.filter {
        ($0.room.hasPrefix("Sources/") || $0.room.hasPrefix("brokers/") || $0.room.hasPrefix("sources/"))
            && $0.room != "Sources/ApusTelemetry"
    }

    @Test func `says nothing that is not listed`() {
        for source in Self.sources {
            for call in Self.calls(in: source) {
                for text in call.literals {
                    Issue.record("\(source.path):\(call.line): \"\(text)\": a LogMessage, which stands in specs/telemetry.yaml")
                }
            }
        }
    }

    @Test func `says everything that is listed`() {
        let names = Self.namesByMessage()
        #expect(names.count == LogMessage.all.count)
        let texts = Self.sources.map { String(decoding: $0.code, as: UTF8.self) }
        for (message, name) in names {
            let isSaid = texts.contains { $0.contains("LogMessage.\(name)") }
            #expect(isSaid, "nobody says \"\(message)\": take LogMessage.\(name) and its entry in specs/telemetry.yaml away")
        }
    }

    @Test func `tells what it is about with the keys that are listed, each of them`() {
        let texts = Self.sources.map { String(decoding: $0.code, as: UTF8.self) }
        for key in LogKey.all {
            #expect(texts.contains { $0.contains("LogKey.\(key)") }, "nobody uses LogKey.\(key)")
        }
        for source in Self.sources {
            for call in Self.calls(in: source) {
                for key in call.literalKeys {
                    Issue.record("\(source.path):\(call.line): \"\(key)\": a LogKey, which stands in specs/telemetry.yaml")
                }
            }
        }
    }

    /// What each `logger.LEVEL(…)` has in literals: in its first argument, where an interpolated one could say anything and
    /// counts too, and as keys of its metadata.
    private static func calls(in source: SwiftSource) -> [(line: Int, literals: [String], literalKeys: [String])] {
        levels.flatMap { level in
            source.linesOfCode(with: "logger.\(level)(").map { line in
                let rest = source.lines[(line - 1)...].prefix(8).joined(separator: [UInt8(ascii: "\n")])
                let text = String(decoding: Array(rest), as: UTF8.self)
                let call = text.components(after: "logger.\(level)(")
                return (line, call.untilMetadata.quoted, call.metadata.quotedKeys)
            }
        }
    }

    /// `static let NAME: Logger.Message = "TEXT"`, as ApusTelemetry declares them.
    private static func namesByMessage() -> [String: String] {
        var names: [String: String] = [:]
        for line in Repository.text("Sources/ApusTelemetry/LogMessage.swift").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 4, words[2] == "let", words[4] == "Logger.Message" || words[4] == "Logger.Message=" else {
                continue
            }
            if let message = String(line).quoted.first { names[message] = String(words[3].dropLast()) }
        }
        return names
    }
}

extension String {
    fileprivate func components(after prefix: String) -> String {
        firstRange(of: prefix).map { String(self[$0.upperBound...]) } ?? ""
    }

    /// The text before the call's metadata or its end.
    fileprivate var untilMetadata: String {
        let ends = ["metadata:", ")\n"].compactMap { firstRange(of: $0)?.lowerBound }
        return ends.min().map { String(self[..<$0]) } ?? self
    }

    /// The call's metadata, where it stands in the call.
    fileprivate var metadata: String {
        let call = firstRange(of: ")\n").map { String(self[..<$0.lowerBound]) } ?? self
        return call.components(after: "metadata:")
    }

    /// What stands in quotes before a colon.
    fileprivate var quotedKeys: [String] { matches(of: #/"(\w+)":/#).map { String($0.output.1) } }

    /// What stands between pairs of quotes.
    fileprivate var quoted: [String] {
        split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map {
            String($0.element)
        }
    }
}

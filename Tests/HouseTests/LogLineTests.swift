import ApusTelemetry
import Logging
import Synchronization
import Testing

@Suite struct `A log line` {
    private static let moment: Int64 = 1_795_258_440_123_999_999

    private func line(_ metadata: Logger.Metadata, _ message: String = "broker opened", level: Logger.Level = .info) -> LogLine {
        LogLine(nanoseconds: Self.moment, level: level, message: message, metadata: metadata)
    }

    @Test func `is readable as text, keys in the house's order`() {
        let line = line(["zone": "x", LogKey.broker: "default", LogKey.namespace: "default"])
        #expect(
            line.rendered(as: .text) == "2026-11-21T10:54:00.123Z info  broker opened namespace=default broker=default zone=x")
    }

    @Test func `is one object as JSON`() {
        let line = line(
            [LogKey.namespace: "default", LogKey.status: "\(3)", LogKey.events: .stringConvertible(3)], level: .warning)
        #expect(
            line.rendered(as: .json)
                == #"{"time":"2026-11-21T10:54:00.123Z","level":"warning","message":"broker opened","namespace":"default","#
                + #""status":"3","events":3}"#)
    }

    @Test func `stays one line whatever stands in it`() {
        let line = line(["error": "a\r\nb\u{2028}c\u{0}\u{1B}[m\"", "list": ["a", "b c"], "empty": ""], "two\nlines")
        let expected =
            #"2026-11-21T10:54:00.123Z info  "two\nlines" error="a\r\nb\u2028c\u0000\u001b[m\"" empty="" list="[\"a\",\"b c\"]""#
        #expect(line.rendered(as: .text) == expected)
        #expect(line.rendered(as: .json).unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x2028 })
    }

    @Test func `keeps its own members apart from metadata of the same name`() {
        #expect(line(["time": "x"]).rendered(as: .json).hasSuffix(#""metadata.time":"x"}"#))
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999_000_000, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"), (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"), (1_735_689_599_000_000_000, "2024-12-31T23:59:59.000Z"),
    ])
    func `tells the time`(nanoseconds: Int64, expected: String) {
        let line = LogLine(nanoseconds: nanoseconds, level: .info, message: "m", metadata: [:])
        #expect(line.rendered(as: .text) == "\(expected) info  m")
    }

    @Test func `merges the logger's metadata, the error and the call's`() {
        struct Broken: Error, CustomStringConvertible { var description: String { "disk full" } }
        let box = LineBox()
        var logger = Logger(label: "test") { _ in
            LineLogHandler(format: .text, clock: { Self.moment }, write: { box.append($0) })
        }
        logger[metadataKey: LogKey.namespace] = "default"
        logger[metadataKey: LogKey.broker] = "a"
        logger.error(LogMessage.logFailed, error: Broken(), metadata: [LogKey.broker: "b"])
        logger.debug("below the level")
        #expect(
            box.lines == [
                "2026-11-21T10:54:00.123Z error the log cannot be written namespace=default broker=b error=\"disk full\"\n"
            ])
    }
}

private final class LineBox: Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    func append(_ line: String) { kept.withLock { $0.append(line) } }
}

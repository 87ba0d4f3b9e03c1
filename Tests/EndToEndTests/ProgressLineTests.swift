import ApusResources
import CloudEvents
import Testing

@testable import apus

private let start = Timestamp(nanoseconds: 1_795_257_000_000_000_000)

private func status(
    _ state: ReplayState, delivered: Int64 = 0, failed: Int64 = 0, counted: Int64? = nil, position: String? = nil,
    message: String = "", seconds: Int64? = nil
) -> ReplayStatus {
    ReplayStatus(
        state: state, from: "0:0", until: "0:1000", position: position, counted: counted, delivered: delivered, failed: failed,
        message: message, startedAt: start,
        completionTime: seconds.map { Timestamp(nanoseconds: start.nanoseconds + $0 * 1_000_000_000) })
}

@Suite struct `The line of a replay` {
    @Test func `has a bar, how much is over, how fast it goes and when it will end`() {
        var speed = ReplaySpeed()
        let first = speed.line("r", status(.running, counted: 200), seconds: 100)
        #expect(first.bar(columns: 60) == "r  [                                        ]    0%  0/200")
        let next = speed.line("r", status(.running, delivered: 48, failed: 2, counted: 200), seconds: 102)
        #expect(next.perSecond == 25)
        #expect(next.secondsLeft == 6)
        #expect(next.bar(columns: 80) == "r  [=========                           ]   25%  48/200  2 failed  25/s  ETA 6s")
        #expect(next.text == "r: running, 48 of 200 delivered (25%), 2 failed, 25 events/s, 6s left")
    }

    @Test func `goes by the position where nobody has counted`() {
        var speed = ReplaySpeed()
        _ = speed.line("r", status(.running, position: "0:0"), seconds: 0)
        let line = speed.line("r", status(.running, delivered: 3, position: "0:500"), seconds: 10)
        #expect(line.text == "r: running, 3 delivered (50%), 0.3 events/s, 10s left")
    }

    @Test func `never is wider than the terminal`() {
        var speed = ReplaySpeed()
        _ = speed.line("again", status(.running, counted: 1_000_000), seconds: 0)
        let line = speed.line("again", status(.running, delivered: 5, failed: 1, counted: 1_000_000), seconds: 1)
        for columns in 0...200 { #expect(line.bar(columns: columns).count <= max(0, columns - 1), "\(columns)") }
        #expect(line.bar(columns: 40).hasPrefix("again    0%  5/1000000"))
    }

    @Test func `goes by the last ten seconds, and by none before a pause`() {
        var speed = ReplaySpeed()
        for second in 0...20 {
            _ = speed.line("r", status(.running, delivered: Int64(second) * 10, counted: 10_000), seconds: Double(second))
        }
        let slow = (21...40).map { second in
            speed.line("r", status(.running, delivered: 200 + Int64(second - 20), counted: 10_000), seconds: Double(second))
        }
        #expect(slow.last?.perSecond == 1)
        let paused = speed.line("r", status(.paused, delivered: 220, counted: 10_000), seconds: 41)
        #expect(paused.perSecond == nil)
        #expect(paused.text == "r: paused, 220 of 10000 delivered (2%)")
        #expect(paused.bar(columns: 60).hasSuffix("2%  220/10000  paused"))
        let again = speed.line("r", status(.running, delivered: 240, counted: 10_000), seconds: 43)
        #expect(again.perSecond == 10)
    }

    @Test func `says at the end what came of it`() {
        func end(_ status: ReplayStatus) -> [String] { ProgressLine(name: "r", status: status).end(place: "r -n shop") }
        #expect(
            end(status(.completed, delivered: 200, counted: 200, seconds: 95))
                == ["r: completed, 200 of 200 delivered [0:0 to 0:1000] in 1m35s, 2.1 events/s"])
        #expect(
            end(status(.failed, delivered: 3, failed: 1, counted: 200, position: "0:7", message: "The sink is down.", seconds: 2))
                == [
                    "r: failed, 3 of 200 delivered, 1 failed: The sink is down. [0:0 to 0:1000] in 2s, 2 events/s",
                    "apus replay resume r -n shop goes on at 0:7",
                ])
        #expect(end(ReplayStatus(state: .cancelled)) == ["r: cancelled, 0 delivered"])
        let line = ProgressLine(name: "r", status: status(.completed, delivered: 3, failed: 1))
        #expect(
            line.remarks(broker: "b", namespace: "shop") == ["what failed is a dead letter: apus deadletters list -b b -n shop"])
        #expect(ProgressLine(name: "r", status: status(.completed)).remarks(broker: "b", namespace: "default").isEmpty)
    }

    @Test(arguments: [
        (0.0, "0s"), (59.4, "59s"), (59.6, "1m0s"), (3599, "59m59s"), (3600, "1h0m"), (86_399, "23h59m"), (90_000, "1d1h"),
        (.infinity, "years"), (-1, "0s"),
    ])
    func `writes a duration as kubectl does`(seconds: Double, text: String) {
        #expect(ProgressLine.duration(seconds) == text)
    }

    @Test(arguments: [(0.0, "0"), (0.25, "0.3"), (9.96, "10"), (10.4, "10"), (1e18, "1000000000000000")])
    func `writes a rate with two figures at least`(value: Double, text: String) {
        #expect(ProgressLine.rate(value) == text)
    }
}

@Suite struct `An event that nobody knows` {
    @Test func `is told with what was looked at, and what is trimmed`() throws {
        let text = #"""
            {"passports":[],"positions":[],"refusals":[],"refusalsSince":"2026-11-21T10:00:00Z","searched":[
             {"namespace":"default","broker":"a","oldest":"0:0","next":"0:9"},
             {"namespace":"default","broker":"b","oldest":"0:15","next":"0:20"},
             {"namespace":"shop","broker":"c","oldest":"0:7","next":"0:7"},
             {"namespace":"shop","broker":"d","oldest":"0:0","next":"0:0"}]}
            """#
        #expect(
            PassportText.unknown("e1", try JSONReader.document(Array(text.utf8)), position: nil) == [
                "No event with the id e1 is in the log, and none was refused since 2026-11-21T10:00:00.000Z.",
                "Looked at, from the oldest event that is kept to the newest:", "  default/a  from 0:0, before 0:9",
                "  default/b  from 0:15, before 0:20; what was older is trimmed",
                "  shop/c     no events; what was older is trimmed",
                "  shop/d     no events",
            ])
    }
}

@Suite struct `The survey of a replay` {
    private func lines(_ json: String) throws -> [String] {
        SurveyReport(document: try JSONReader.document(Array(json.utf8))).lines
    }

    @Test func `counts, and shows a sample`() throws {
        let text = #"""
            {"kind":"ReplaySurvey","from":"0:1","until":"0:9","scanned":8,"matched":11,"byTrigger":{"orders":8,"gold":3},
             "sample":[{"position":"0:1","time":"2026-11-21T10:30:00.123456789Z","id":"a","type":"t","source":"/s"},
                       {"position":"0:4","time":"2026-11-21T10:31:00Z","id":"b\nc","type":"order.created","source":"/s"}],
             "oldest":"2026-11-21T10:30:00Z","newest":"2026-11-21T10:33:00Z","excluded":{"unreadable":2,"redriven":0}}
            """#
        #expect(
            try lines(text) == [
                "11 deliveries of the 8 events from 0:1 until 0:9 would be made (2026-11-21T10:30:00.000Z to "
                    + "2026-11-21T10:33:00.000Z)",
                "",
                "TRIGGER  EVENTS", "orders   8", "gold     3", "", "left out: 2 unreadable", "", "The first of them:",
                "POSITION  TIME                      TYPE           SOURCE  ID",
                "0:1       2026-11-21T10:30:00.123Z  t              /s      a",
                "0:4       2026-11-21T10:31:00.000Z  order.created  /s      b c", "",
                "Nothing was sent: leave out --dry-run to send.",
            ])
    }

    @Test func `of dead letters names the triggers that gave up, and why`() throws {
        let text = #"""
            {"kind":"ReplaySurvey","from":"0:0","until":"0:2","scanned":2,"matched":1,"byTrigger":{"orders":1},
             "sample":[{"position":"0:1","id":"a","trigger":"orders","reason":"rejected"}],"excluded":{"not redrivable":1}}
            """#
        #expect(
            try lines(text) == [
                "1 of the 2 events from 0:0 until 0:2 would be sent", "", "TRIGGER  EVENTS", "orders   1", "",
                "left out: 1 not redrivable", "", "Here they are:", "POSITION  ID  TRIGGER  REASON",
                "0:1       a   orders   rejected", "", "Nothing was sent: leave out --dry-run to send.",
            ])
    }

    @Test func `of nothing says so`() throws {
        #expect(
            try lines(#"{"kind":"ReplaySurvey","from":"0:9","until":"0:9","scanned":0,"matched":0,"byTrigger":{},"sample":[]}"#)
                == [
                    "0 of the 0 events from 0:9 until 0:9 would be sent", "Nothing was sent: leave out --dry-run to send.",
                ])
    }
}

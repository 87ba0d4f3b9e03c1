import ApusClient
import TestSupport
import Testing

@Suite struct `A stream of server-sent events` {
    private typealias Event = ServerSentEvents.Event

    private let text = """
        \u{FEFF}: a comment
        retry: 1000
        id: 0:1

        data: one
        id: 0:2

        event: gap
        data:two
        data:  three

        data

        id
        data: four

        data: never whole
        """

    private let expected = [
        Event(name: "message", data: "one", id: "0:2"), Event(name: "gap", data: "two\n three", id: "0:2"),
        Event(name: "message", data: "", id: "0:2"), Event(name: "message", data: "four", id: ""),
    ]

    @Test func `is the same with any line ends and however it is cut`() throws {
        var random = SeededRandom(seed: 5)
        for end in ["\n", "\r\n", "\r"] {
            let bytes = Array(text.replacing("\n", with: end).utf8)
            for _ in 0..<50 {
                var reader = ServerSentEvents(), events: [Event] = [], rest = bytes[...]
                while !rest.isEmpty {
                    let part = rest.prefix(Int.random(in: 1...12, using: &random))
                    rest = rest.dropFirst(part.count)
                    events += try reader.read(Array(part))
                }
                #expect(events == expected)
            }
        }
    }

    @Test func `keeps the id of a block that has nothing else, and the one that it began with`() throws {
        var reader = ServerSentEvents(lastID: "0:7")
        #expect(try reader.read(Array(": nothing\n\n".utf8)) == [])
        #expect(reader.lastID == "0:7")
        #expect(try reader.read(Array("id: 0:9\n".utf8)) == [])
        #expect(reader.lastID == "0:7", "the block is not whole")
        #expect(try reader.read(Array("\n".utf8)) == [])
        #expect(reader.lastID == "0:9")
    }

    @Test func `has no id with a zero in it`() throws {
        var reader = ServerSentEvents(lastID: "a")
        #expect(try reader.read(Array("id: b\u{0}\ndata: x\n\n".utf8)) == [Event(name: "message", data: "x", id: "a")])
    }
}

package import ApusHTTP

/// Takes a stream of server-sent events apart (WHATWG HTML, section 9.2.6).
package struct ServerSentEvents: Sendable {
    package struct Event: Sendable, Equatable {
        /// `message` where none is named.
        package var name: String
        package var data: String
        /// The id in force: its own, or that of an event before it.
        package var id: String

        package init(name: String = "message", data: String, id: String) {
            self.name = name
            self.data = data
            self.id = id
        }
    }

    /// A line is no longer than this, in bytes: an event's JSON stands in one.
    private static let lineBytesMax = 67_108_864

    /// The id of the last event, or of a block that had nothing but an id.
    package private(set) var lastID: String
    private var line: [UInt8] = []
    private var endsInCarriageReturn = false
    private var isFirst = true
    private var id: String
    private var name = ""
    private var data: [String] = []

    package init(lastID: String = "") {
        self.lastID = lastID
        id = lastID
    }

    /// Takes what has come; gives the events that are whole now. Fails where a line has no end.
    package mutating func read(_ bytes: [UInt8]) throws(HTTPFailure) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            defer { endsInCarriageReturn = byte == 0x0D }
            if byte == 0x0A, endsInCarriageReturn { continue }
            guard byte == 0x0A || byte == 0x0D else {
                line.append(byte)
                guard line.count <= Self.lineBytesMax else {
                    throw HTTPFailure("a line of the stream of events is longer than \(Self.lineBytesMax) bytes")
                }
                continue
            }
            if let event = endLine() { events.append(event) }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirst, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isFirst = false
        guard !line.isEmpty else { return dispatch() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.count
        var value = line.dropFirst(colon + 1)
        if value.first == 0x20 { value.removeFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "data": data.append(text)
        case "event": name = text
        case "id": if !value.contains(0) { id = text }
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> Event? {
        lastID = id
        defer {
            name = ""
            data = []
        }
        guard !data.isEmpty else { return nil }
        return Event(name: name.isEmpty ? "message" : name, data: data.joined(separator: "\n"), id: id)
    }
}

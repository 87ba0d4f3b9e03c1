import ApusHTTP
package import ApusResources
import CloudEvents

/// A record of the log as the node gives it: `RecordDocument` on its side.
package struct EventView: Sendable, Equatable {
    package var document: DocumentNode

    package init(_ document: DocumentNode) { self.document = document }

    package var position: String { document["position"]?.text ?? "" }
    package var time: String { document["time"]?.text ?? "" }
    /// The event in the JSON format.
    package var event: DocumentNode { document["event"] ?? .mapping([]) }

    /// An attribute's text; empty where the event does not have it.
    package func attribute(_ name: String) -> String { event[name]?.plainText ?? "" }

    /// Names of the event's attributes, in its order.
    package var attributeNames: [String] {
        guard case .mapping(let members) = event.content else { return [] }
        return members.map(\.name).filter { $0 != "data" && $0 != "data_base64" }
    }
}

/// What of a log is asked for. Points are absolute: the node has another clock and another zone.
package struct EventSelection: Sendable {
    package var from: LogPoint?
    package var until: LogPoint?
    /// As a person writes them (``FilterText``).
    package var filters: [String]

    package init(from: LogPoint? = nil, until: LogPoint? = nil, filters: [String] = []) {
        self.from = from
        self.until = until
        self.filters = filters
    }

    func path(_ path: APIPath) -> APIPath {
        let bounded = path.with("from", from?.text).with("until", until?.text)
        return filters.reduce(bounded) { $0.with("filter", $1) }
    }
}

package struct EventListing: Sendable {
    package var events: [EventView]
    /// Where the next page begins; nil where there is none.
    package var cursor: String?
    /// Where the log begins and ends.
    package var oldest: String
    package var end: String
}

/// What one filter takes of a stretch of the log.
package struct EventTally: Sendable {
    package var matched = 0
    package var scanned = 0
    package var damaged = 0
    /// The newest that match, in the log's order, without their data.
    package var sample: [EventView] = []
    /// The stretch, as the node resolved it.
    package var from = ""
    package var until = ""

    package init() {}
}

extension APIClient {
    private static let eventBytesMax = 268_435_456

    /// One page of events. It may be short, even empty, and still have a cursor.
    package func events(
        namespace: String, broker: String, _ selection: EventSelection, newest: Bool, limit: Int, cursor: String? = nil,
        withData: Bool = true
    ) async throws(Failure) -> EventListing {
        let path = selection.path(.broker(namespace, broker, "events")).with("order", newest ? "newest" : "oldest")
            .with("limit", String(limit)).with("cursor", cursor).with("data", withData ? nil : "false")
        return listing(try await call("GET", path.text, bodyBytesMax: Self.eventBytesMax))
    }

    /// The newest events with this id, the newest first.
    package func events(namespace: String, broker: String, id: String, limit: Int = 100) async throws(Failure) -> EventListing {
        let path = APIPath.broker(namespace, broker, "events").with("id", id).with("limit", String(limit)).with("data", "false")
        return listing(try await call("GET", path.text, bodyBytesMax: Self.eventBytesMax))
    }

    /// One event with its data.
    package func event(namespace: String, broker: String, position: String) async throws(Failure) -> EventView {
        let path = APIPath.broker(namespace, broker, "events", position)
        return EventView(try await call("GET", path.text, bodyBytesMax: Self.eventBytesMax))
    }

    /// An event's data as the bytes that binary mode carries; nil where it has none.
    package func eventData(namespace: String, broker: String, position: String) async throws(Failure) -> [UInt8]? {
        let path = APIPath.broker(namespace, broker, "events", position, "data").text
        let answer = try await send("GET", path, accept: "*/*", bodyBytesMax: Self.eventBytesMax)
        guard answer.status != 204 else { return nil }
        guard answer.status == 200 else { throw refusal(answer, path) }
        return answer.body
    }

    /// Counts what filters take of a stretch, however long it is: a request for each part that the node looks at in one go.
    ///
    /// - Parameter filter: `filters` or `filter` as in a Trigger's spec.
    package func count(
        namespace: String, broker: String, from: LogPoint?, until: LogPoint?, filter: DocumentNode, sample: Int
    ) async throws(Failure) -> EventTally {
        var tally = EventTally(), cursor: String?
        let path = APIPath.broker(namespace, broker, "events", "count").text
        repeat {
            let part = try await call(
                "POST", path,
                body: .mapping([
                    ("from", from.map { .string($0.text) }), ("until", until.map { .string($0.text) }),
                    ("filter", filter["filter"]), ("filters", filter["filters"]), ("sample", .integer(sample)),
                    ("cursor", cursor.map { .string($0) }),
                ]))
            if cursor == nil { tally.from = part["from"]?.text ?? "" }
            tally.until = part["until"]?.text ?? ""
            tally.matched += part["matched"]?.wholeNumber() ?? 0
            tally.scanned += part["scanned"]?.wholeNumber() ?? 0
            tally.damaged += part["damaged"]?.wholeNumber() ?? 0
            tally.sample = Array((tally.sample + (part["sample"]?.items ?? []).map(EventView.init)).suffix(sample))
            cursor = part["cursor"]?.text
        } while cursor != nil
        return tally
    }

    private func listing(_ document: DocumentNode) -> EventListing {
        EventListing(
            events: (document["records"]?.items ?? []).map(EventView.init), cursor: document["cursor"]?.text,
            oldest: document["oldest"]?.text ?? "", end: document["end"]?.text ?? "")
    }
}

/// What a live tail tells.
package enum TailNews: Sendable {
    case event(EventView)
    /// Something beside the events, as a sentence: records that are gone or damaged.
    case note(String)
}

extension APIClient {
    /// Follows a log from `selection.from` (its end by default), or on from `lastID`, until `body` says false or the connection
    /// ends. Gives the id to go on from. `lastID` is kept up to date before each call of `body`.
    ///
    /// Throws ``Failure`` where the node refuses (it has a status then), and ``HTTPFailure`` where the connection fails.
    package func followEvents(
        namespace: String, broker: String, _ selection: EventSelection, lastID: inout String?, idleTimeout: Duration,
        _ body: (TailNews) async throws -> Bool
    ) async throws {
        let path = selection.path(.broker(namespace, broker, "events")).with("follow", "true").text
        var headers = [(name: "Accept", value: "text/event-stream")]
        if let lastID { headers.append((name: "Last-Event-ID", value: lastID)) }
        var last = lastID ?? ""
        defer { lastID = last.isEmpty ? nil : last }
        try await http.stream(server + path, headers: headers, idleTimeout: idleTimeout) { stream in
            guard stream.status == 200 else {
                var bytes: [UInt8] = []
                while let part = try await stream.next(), bytes.count < 1_048_576 { bytes += part }
                throw refusal(status: stream.status, bytes, path)
            }
            var reader = ServerSentEvents(lastID: last)
            while let part = try await stream.next() {
                for event in try reader.read(part) {
                    last = event.id
                    guard try await body(Self.news(event)) else { return }
                }
                last = reader.lastID
            }
        }
    }

    private static func news(_ event: ServerSentEvents.Event) throws(Failure) -> TailNews {
        guard event.name != "error" else { return .note(event.data) }
        guard let document = try? JSONReader.document(Array(event.data.utf8)) else {
            throw Failure(message: "the stream of events holds something that is no JSON: is this an Apus control plane?")
        }
        switch event.name {
        case "message": return .event(EventView(document))
        case "damaged": return .note("\(document["position"]?.text ?? ""): \(document["message"]?.text ?? "damaged")")
        default: return .note(document["message"]?.text ?? event.data)
        }
    }
}

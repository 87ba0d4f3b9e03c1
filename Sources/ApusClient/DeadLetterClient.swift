import ApusHTTP
package import ApusResources
import CloudEvents

/// Which dead letters are meant, as a person says it. Points are absolute.
package struct LetterSelection: Sendable {
    package var trigger: String?
    package var reason: String?
    package var type: String?
    /// As a person writes them (``FilterText``).
    package var filters: [String]
    package var from: LogPoint?
    package var until: LogPoint?
    /// In the dead stream.
    package var positions: [String]
    /// `open` for what wants attention, `all`, or one state; nil for what wants attention, or for all that is named.
    package var state: String?

    package init(
        trigger: String? = nil, reason: String? = nil, type: String? = nil, filters: [String] = [], from: LogPoint? = nil,
        until: LogPoint? = nil, positions: [String] = [], state: String? = nil
    ) {
        self.trigger = trigger
        self.reason = reason
        self.type = type
        self.filters = filters
        self.from = from
        self.until = until
        self.positions = positions
        self.state = state
    }

    private var single: [(name: String, value: String?)] {
        [
            ("trigger", trigger), ("reason", reason), ("type", type), ("from", from?.text), ("until", until?.text),
            ("state", state),
        ]
    }

    func path(_ path: APIPath) -> APIPath {
        var path = single.reduce(path) { $0.with($1.name, $1.value) }
        for filter in filters { path = path.with("filter", filter) }
        for position in positions { path = path.with("position", position) }
        return path
    }

    func body(_ more: [(String, DocumentNode?)]) -> DocumentNode {
        func list(_ texts: [String]) -> DocumentNode? { texts.isEmpty ? nil : .sequence(texts.map { .string($0) }) }
        return .mapping(
            single.map { ($0.name, $0.value.map { .string($0) }) }
                + [("filter", list(filters)), ("position", list(positions))] + more)
    }
}

/// Dead letters of one trigger with one reason and one kind of error.
package struct LetterGroup: Sendable, Equatable {
    package var trigger: String
    package var reason: String
    package var status: Int
    package var error: String
    package var count: Int
    /// When the first and the last of them were written, as RFC 3339.
    package var firstTime: String
    package var lastTime: String
    /// The newest of them.
    package var sample: String

    package init(
        trigger: String, reason: String, status: Int, error: String, count: Int, firstTime: String, lastTime: String,
        sample: String
    ) {
        self.trigger = trigger
        self.reason = reason
        self.status = status
        self.error = error
        self.count = count
        self.firstTime = firstTime
        self.lastTime = lastTime
        self.sample = sample
    }

    /// As the node gave it, with the counts of all parts.
    package var document: DocumentNode {
        .mapping([
            ("trigger", .string(trigger)), ("reason", .string(reason)), ("status", .integer(status)),
            ("error", .string(error)), ("count", .integer(count)), ("firstTime", .string(firstTime)),
            ("lastTime", .string(lastTime)), ("sample", .string(sample)),
        ])
    }
}

/// All dead letters of a selection by kind, however many requests it took.
package struct LetterTally: Sendable {
    /// The largest first.
    package var groups: [LetterGroup] = []
    package var count = 0
    /// Those of kinds of error that there was no more room for.
    package var others = 0
    package var damaged = 0
    /// The stretch of the dead stream, as the node resolved it.
    package var from = ""
    package var until = ""

    package init() {}

    mutating func add(_ part: DocumentNode) {
        if from.isEmpty {
            from = part["from"]?.text ?? ""
            until = part["until"]?.text ?? ""
        }
        count += part["count"]?.wholeNumber() ?? 0
        others += part["others"]?.wholeNumber() ?? 0
        damaged += part["damaged"]?.wholeNumber() ?? 0
        for node in part["groups"]?.items ?? [] {
            add(
                LetterGroup(
                    trigger: node["trigger"]?.text ?? "", reason: node["reason"]?.text ?? "",
                    status: node["status"]?.wholeNumber() ?? 0,
                    error: node["error"]?.text ?? "", count: node["count"]?.wholeNumber() ?? 0,
                    firstTime: node["firstTime"]?.text ?? "",
                    lastTime: node["lastTime"]?.text ?? "", sample: node["sample"]?.text ?? ""))
        }
    }

    /// Adds letters of one kind that are older than all that were added.
    package mutating func add(_ older: LetterGroup) {
        let same = groups.firstIndex {
            ($0.trigger, $0.reason, $0.status, $0.error) == (older.trigger, older.reason, older.status, older.error)
        }
        guard let same else { return groups.append(older) }
        groups[same].count += older.count
        groups[same].firstTime = older.firstTime
    }
}

/// One dead letter of a list.
package struct LetterView: Sendable, Equatable {
    package var document: DocumentNode

    package init(_ document: DocumentNode) { self.document = document }

    package func text(_ name: String) -> String { document[name]?.plainText ?? "" }
    package func event(_ name: String) -> String { document["event"]?[name]?.plainText ?? "" }
}

package struct LetterListing: Sendable {
    package var letters: [LetterView]
    package var cursor: String?
}

extension APIClient {
    /// All dead letters of a selection by trigger, reason and kind of error.
    package func deadLetterTally(
        namespace: String, broker: String, _ selection: LetterSelection
    ) async throws(Failure) -> LetterTally {
        var tally = LetterTally(), cursor: String?
        repeat {
            let path = selection.path(.broker(namespace, broker, "deadletters")).with("group", "true").with("cursor", cursor)
            let part = try await call("GET", path.text)
            tally.add(part)
            cursor = part["cursor"]?.text
        } while cursor != nil
        tally.groups.sort { $0.count > $1.count }
        return tally
    }

    /// One page of dead letters, the newest first. It may be short, even empty, and still have a cursor.
    package func deadLetters(
        namespace: String, broker: String, _ selection: LetterSelection, limit: Int, cursor: String? = nil
    ) async throws(Failure) -> LetterListing {
        let path = selection.path(.broker(namespace, broker, "deadletters")).with("limit", String(limit)).with("cursor", cursor)
        let document = try await call("GET", path.text, bodyBytesMax: 67_108_864)
        return LetterListing(
            letters: (document["deadLetters"]?.items ?? []).map(LetterView.init), cursor: document["cursor"]?.text)
    }

    /// One dead letter with its event and all that is known of it.
    package func deadLetter(namespace: String, broker: String, position: String) async throws(Failure) -> DocumentNode {
        try await call("GET", APIPath.broker(namespace, broker, "deadletters", position).text, bodyBytesMax: 67_108_864)
    }

    /// Appends a changed copy; gives the copy's position.
    package func editDeadLetter(
        namespace: String, broker: String, position: String, event: DocumentNode
    ) async throws(Failure) -> String {
        let path = APIPath.broker(namespace, broker, "deadletters", position, "edit").text
        return try await call("POST", path, body: .mapping([("event", event)]))["copy"]?.text ?? ""
    }

    /// Purges a selection; gives how many. `selection.until` keeps it to what was counted before.
    package func purgeDeadLetters(
        namespace: String, broker: String, _ selection: LetterSelection
    ) async throws(Failure) -> Int {
        var purged = 0, cursor: String?
        let path = APIPath.broker(namespace, broker, "deadletters", "purge").text
        repeat {
            let more: [(String, DocumentNode?)] = [
                ("all", .boolean(true)), ("confirm", .boolean(true)), ("cursor", cursor.map { .string($0) }),
            ]
            let part = try await call("POST", path, body: selection.body(more))
            purged += part["purged"]?.wholeNumber() ?? 0
            cursor = part["cursor"]?.text
        } while cursor != nil
        return purged
    }
}

import ApusHistory
import ApusPorts
import ApusTesting
import BrokerMemory
import BrokerSQLite
import CloudEvents

/// The backends that questions about dead letters are asked of.
let deadLetterBackends: [String] = ["Memory", "SQLite"]

/// A broker's log with a hand on what becomes of its dead letters.
struct LetterDesk {
    let harness: LogHarness
    let open: OpenLog
    let history: BrokerHistory

    init(_ backend: String) async throws {
        harness = try LogHarness(backend == "Memory" ? MemoryBackend.self : SQLiteBackend.self)
        open = try await harness.open()
        history = BrokerHistory(namespace: "default", broker: "contract", log: open.log, cursors: open.cursors)
    }

    /// An event of a type; its position is its id.
    static func event(_ id: String, type: String = "order", data: String = "{}") -> EventRecord {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string(id))
        attributes.append("source", .uriReference("/shop"))
        attributes.append("type", .string(type))
        attributes.append("datacontenttype", .string("application/json"))
        return EventRecord(attributes: attributes, mode: .binary, contentType: "application/json", body: Array(data.utf8))
    }

    static func letter(
        _ trigger: String = "orders", event offset: Int64 = 0, reason: DeadLetter.Reason = .rejected, attempts: Int = 1,
        status: Int = 422, body: String = "amount missing"
    ) -> DeadLetter {
        let at = Timestamp(nanoseconds: 1_767_225_600_000_000_000)
        return DeadLetter(
            trigger: trigger, position: Position(offset: offset), reason: reason, attempts: attempts,
            destination: "http://127.0.0.1:9090/", status: status, body: Array(body.utf8), firstAttemptAt: at, lastAttemptAt: at)
    }

    @discardableResult
    func bury(_ letter: DeadLetter, type: String = "order", id: String = "1") async throws -> Int64 {
        var record = Self.event(id, type: type)
        record.deadLetter = letter
        harness.clock.advance(seconds: 1)
        return try await open.log.append([record], to: .dead).offset
    }

    func mark(_ offset: Int64, _ mark: DeadLetterMark) async throws {
        var change = CursorChange(stream: .dead)
        change.entries = [StateEntry(key: StateKey.deadLetter(offset), value: mark.value)]
        try await open.cursors.commit(change)
    }

    func mark(_ offset: Int64, _ state: DeadLetterMark.State) async throws {
        try await mark(offset, DeadLetterMark(state, at: harness.clock.now))
    }

    /// The offsets of all pages of a query.
    func offsets(_ query: DeadLetterQuery, limit: Int = 100) async throws -> [Int64] {
        var (query, found) = (query, [Int64]())
        repeat {
            let page = try await history.deadLetters(query, limit: limit)
            found += page.lines.map(\.position.offset)
            query.before = page.reach.next
        } while query.before != nil
        return found
    }
}

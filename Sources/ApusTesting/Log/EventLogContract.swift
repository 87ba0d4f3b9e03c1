internal import ApusPorts
internal import CloudEvents
internal import Testing

/// What every log promises, as sentences that are checked (the contract storey of the house plan).
///
/// A backend that cannot meet one says so in its ``LogBackend/waivers``, by the sentence and with the reason.
package enum EventLogContract {
    package struct Clause: Sendable, CustomTestStringConvertible {
        package let sentence: String
        package let check: @Sendable (LogHarness) async throws -> Void

        package init(_ sentence: String, _ check: @escaping @Sendable (LogHarness) async throws -> Void) {
            self.sentence = sentence
            self.check = check
        }

        package var testDescription: String { sentence }
    }

    package static var clauses: [Clause] {
        appends + reads + trims + cursors + notes + ids + reopenings + reopenedNotes + reopenedIDs
    }
}

/// A page that takes in whatever these tests append.
let wholePage = ReadLimit(records: 10_000, bytes: 100_000_000)

extension EventLog {
    /// All that a stream holds, in pages of `records`.
    func all(_ stream: Stream = .events, pages records: Int = 1000) async throws -> [LogRecord] {
        var found: [LogRecord] = []
        var next = bounds(of: stream).oldest.offset
        while true {
            let page = try await read(stream, from: next, limit: ReadLimit(records: records, bytes: 100_000_000))
            guard let last = page.last else { return found }
            found += page
            next = last.position.offset + 1
        }
    }

    func failure(reading stream: Stream, from offset: Int64) async -> LogError? {
        do throws(LogError) {
            _ = try await read(stream, from: offset, limit: wholePage)
            return nil
        } catch {
            return error
        }
    }
}

extension [LogRecord] {
    var offsets: [Int64] { map(\.position.offset) }
    var ids: [String] { map { $0.event.attributes.text(of: "id") ?? "" } }
    var fingerprints: [[UInt8]] { map(\.event.fingerprint) }
}

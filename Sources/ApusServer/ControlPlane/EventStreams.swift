import ApusHistory
import ApusPorts
import ApusResources
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// The live tails of a node: events of a log as server-sent events (WHATWG HTML, section 9.2), as fast as each reader takes them.
///
/// A reader that is slow reads from the log later: nothing is kept for it here, and nothing is dropped.
struct EventStreams: Sendable {
    private let group: any EventLoopGroup
    private let places = TailPlaces()

    init(group: any EventLoopGroup) { self.group = group }

    /// Refused where ``Limits/openTailsMax`` are open.
    func response(
        to request: Request, _ tail: EventTail, of history: BrokerHistory, withData: Bool
    ) throws(BrokerRoutes.Refusal) -> Response {
        guard let place = places.take() else {
            throw BrokerRoutes.Refusal(
                .tooManyRequests, "too-many-tails", "\(Limits.openTailsMax) tails are open, the most that a node serves at once.")
        }
        let group = group
        let body = ResponseBody { writer in
            try await history.tail.withBell { bell in
                let every = TimeAmount.seconds(Int64(Limits.tailKeepAliveSeconds))
                let ticking = group.any().scheduleRepeatedTask(initialDelay: every, delay: every) { _ in bell.ring(.tick) }
                defer { ticking.cancel() }
                var stream = EventStream(tail: tail, withData: withData)
                try await request.body.consumeWithInboundCloseHandler { _ in
                    try await stream.run(bell, into: &writer)
                } onInboundClosed: {
                    bell.ring(.closed)
                }
            }
            try await writer.finish(nil)
            withExtendedLifetime(place) {}
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store"], body: body)
    }
}

/// One tail's stream of lines.
private struct EventStream {
    var tail: EventTail
    let withData: Bool
    /// Whether something was written since the last tick.
    private var hasSpoken = true

    init(tail: EventTail, withData: Bool) {
        self.tail = tail
        self.withData = withData
    }

    /// Writes until the bell says that the log or the client is gone. Each write waits until the client takes it.
    @concurrent
    mutating func run(_ bell: Bell, into writer: inout any ResponseBodyWriter) async throws {
        // The id says where this tail begins, so that a client that is cut before the first event goes on there.
        try await write(ServerSent.comment("events from 0:\(tail.next)") + ServerSent.retry + mark, to: &writer)
        while true {
            let page: (items: [EventTail.Item], isCaughtUp: Bool)
            do throws(LogError) {
                page = try await tail.read()
            } catch {
                return try await write(ServerSent.event("error", data: error.sentence), to: &writer)
            }
            if !page.items.isEmpty { try await write(page.items.map(text).joined(), to: &writer) }
            let rung = page.isCaughtUp ? await bell.wait() : bell.take()
            guard !rung.contains(.closed) else { return }
            guard rung.contains(.tick) else { continue }
            // What was passed over because it does not match need not be read again after a cut.
            if !hasSpoken { try await write(ServerSent.comment("waiting") + mark, to: &writer) }
            hasSpoken = false
        }
    }

    @concurrent
    private mutating func write(_ text: String, to writer: inout any ResponseBodyWriter) async throws {
        hasSpoken = true
        try await writer.write(ByteBuffer(string: text))
    }

    private var mark: String { ServerSent.id(TailID(next: tail.next)) + "\n" }

    private func text(of item: EventTail.Item) -> String {
        switch item {
        case .record(let record):
            return ServerSent.id(TailID(next: record.position.offset + 1))
                + ServerSent.data(RecordDocument.node(record, withData: withData).json())
        case .gap(let from, let to):
            let document = DocumentNode.mapping([
                ("from", .string("0:\(from)")), ("to", .string("0:\(to)")),
                ("message", .string("The log was trimmed: 0:\(from) to 0:\(to) are gone, it goes on at 0:\(to).")),
            ])
            return ServerSent.id(TailID(next: to)) + ServerSent.event("gap", data: document.json())
        case .damaged(let position, let detail):
            let document = DocumentNode.mapping([("position", .string("\(position)")), ("message", .string(detail))])
            return ServerSent.id(TailID(next: position.offset + 1)) + ServerSent.event("damaged", data: document.json())
        }
    }
}

/// What an event's `id:` says: the position that the reader has come to.
struct TailID {
    /// Where a reader with this id goes on.
    var next: Int64

    init(next: Int64) { self.next = next }

    /// `LANE:OFFSET` of the last event that was seen, or `before-LANE:OFFSET` of the next.
    init?(_ text: String) {
        let prefix = "before-"
        let isBefore = text.hasPrefix(prefix)
        guard let position = Position(isBefore ? String(text.dropFirst(prefix.count)) : text), position.lane == 0,
            position.offset < .max
        else { return nil }
        next = isBefore ? position.offset : position.offset + 1
    }

    var text: String { next > 0 ? "0:\(next - 1)" : "before-0:0" }
}

/// Lines of a stream of server-sent events. Texts have no line ends: they are comments of ours, or JSON.
private enum ServerSent {
    /// How long a client waits before it connects again, in milliseconds.
    static let retry = "retry: 1000\n"

    static func comment(_ text: String) -> String { ": \(text)\n" }
    static func id(_ id: TailID) -> String { "id: \(id.text)\n" }
    static func data(_ text: String) -> String { "data: \(text)\n\n" }
    static func event(_ name: String, data: String) -> String { "event: \(name)\n" + self.data(data) }
}

/// Counts the tails that are open.
private final class TailPlaces: Sendable {
    private let taken = Mutex(0)

    /// Freed when the place is let go of; nil where there is none left.
    func take() -> Place? {
        let isTaken = taken.withLock { taken in
            guard taken < Limits.openTailsMax else { return false }
            taken += 1
            return true
        }
        return isTaken ? Place(self) : nil
    }

    final class Place: Sendable {
        private let places: TailPlaces

        init(_ places: TailPlaces) { self.places = places }

        deinit { places.taken.withLock { $0 -= 1 } }
    }
}

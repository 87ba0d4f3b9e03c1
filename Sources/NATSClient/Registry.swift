internal import CNATS
internal import Synchronization

/// What a callback of libnats reaches. libnats is given a number, never an address: one that comes late finds nothing, and
/// nothing of Swift's has to outlive anything of libnats'.
final class Registry<Entry: Sendable>: Sendable {
    private struct State {
        var entries: [UInt: Entry] = [:]
        var lastID: UInt = 0
    }

    private let state = Mutex(State())

    func add(_ entry: Entry) -> UInt {
        state.withLock { state in
            state.lastID += 1
            state.entries[state.lastID] = entry
            return state.lastID
        }
    }

    func remove(_ id: UInt) { state.withLock { _ = $0.entries.removeValue(forKey: id) } }

    subscript(id: UInt) -> Entry? { state.withLock { $0.entries[id] } }

    /// What libnats carries as a closure.
    static func closure(_ id: UInt) -> UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: id) }

    subscript(closure: UnsafeMutableRawPointer?) -> Entry? { self[UInt(bitPattern: closure)] }
}

/// Where a subscription's messages arrive, on a thread of libnats'. Neither function may wait.
protocol Mailbox: AnyObject, Sendable {
    /// - Parameter dropped: messages of the subscription that libnats dropped so far, because they were not received in time.
    func receive(_ message: NATSMessage, dropped: Int)
    /// No message follows.
    func complete()
}

/// All connections and subscriptions of the process, for callbacks.
enum Callbacks {
    static let relays = Registry<EventRelay>()
    static let mailboxes = Registry<any Mailbox>()

    static let message: natsMsgHandler = { _, subscription, message, closure in
        guard let message else { return }
        var dropped: Int64 = 0
        natsSubscription_GetDropped(subscription, &dropped)
        Callbacks.mailboxes[closure]?.receive(NATSMessage(copying: message), dropped: Int(dropped))
        natsMsg_Destroy(message)
    }

    static let complete: natsOnCompleteCB = { closure in
        let mailbox = Callbacks.mailboxes[closure]
        Callbacks.mailboxes.remove(UInt(bitPattern: closure))
        mailbox?.complete()
    }

    static let disconnected: natsConnectionHandler = { _, closure in Callbacks.relays[closure]?.post(.disconnected) }

    static let reconnected: natsConnectionHandler = { connection, closure in
        Callbacks.relays[closure]?.post(.reconnected(server: Callbacks.server(of: connection)))
    }

    /// The last callback of a connection, and the only one that is made once.
    static let closed: natsConnectionHandler = { connection, closure in
        guard let relay = Callbacks.relays[closure] else { return }
        Callbacks.relays.remove(UInt(bitPattern: closure))
        relay.post(.closed(Callbacks.lastError(of: connection)))
        relay.finish()
    }

    static let lameDuck: natsConnectionHandler = { _, closure in Callbacks.relays[closure]?.post(.lameDuck) }

    /// A slow consumer is told of by its mailbox, which knows how many messages it lost. The subscription may be gone already.
    static let error: natsErrHandler = { _, _, status, closure in
        if status != NATS_SLOW_CONSUMER { Callbacks.relays[closure]?.post(.error(NATSError.last(status))) }
    }

    static func server(of connection: OpaquePointer?) -> String {
        var buffer = [CChar](repeating: 0, count: 512)
        guard natsConnection_GetConnectedUrl(connection, &buffer, buffer.count) == NATS_OK else { return "" }
        return NATSConfiguration.redacted(text(buffer))
    }

    /// Asked for when the connection has ended and nothing writes the text any more.
    private static func lastError(of connection: OpaquePointer?) -> NATSError? {
        var text: UnsafePointer<CChar>?
        let status = natsConnection_GetLastError(connection, &text)
        guard status != NATS_OK else { return nil }
        return NATSError(NATSError.Status(status), text.map { String(cString: $0) } ?? "")
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Takes a connection's events from libnats' thread to those who follow them.
final class EventRelay: Sendable {
    typealias Observer = @Sendable (NATSEvent) -> Void

    private struct State {
        var observers: [UInt64: Observer] = [:]
        var lastID: UInt64 = 0
    }

    let events: AsyncStream<NATSEvent>
    private let continuation: AsyncStream<NATSEvent>.Continuation
    private let state = Mutex(State())

    /// - Parameter eventsMax: events that nobody has read yet; the oldest go first.
    init(eventsMax: Int) {
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(eventsMax))
    }

    func post(_ event: NATSEvent) {
        for observer in state.withLock({ Array($0.observers.values) }) { observer(event) }
        continuation.yield(event)
    }

    /// Called with every event, on libnats' thread, which it must not hold up.
    func observe(_ observer: @escaping Observer) -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            state.observers[state.lastID] = observer
            return state.lastID
        }
    }

    func removeObserver(_ id: UInt64) { state.withLock { _ = $0.observers.removeValue(forKey: id) } }

    /// No event follows.
    func finish() {
        state.withLock { $0 = State() }
        continuation.finish()
    }
}

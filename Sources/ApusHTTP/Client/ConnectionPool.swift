/// Which connection an exchange takes and what becomes of connections: the decisions of one endpoint's pool, as a value.
///
/// The pool knows neither sockets nor clocks. A connection is counted from the moment that it is dialled until it is closed; one
/// that carries an exchange is known to its driver only.
package struct ConnectionPool: Sendable {
    package typealias ConnectionID = UInt64
    package typealias ExchangeID = UInt64

    /// The bounds of a pool.
    package struct Bounds: Sendable {
        /// Connections to one endpoint, those that are being dialled included.
        package var connectionsMax = 256
        /// Exchanges that wait for a connection; one more is refused.
        package var waitingExchangesMax = 65_536
        package var idleSecondsMax = 60

        package init() {}
    }

    /// What an exchange that comes has to do.
    package enum Lease: Sendable, Equatable {
        case use(ConnectionID)
        case dial
        case wait
        case refuse
    }

    private struct Idle {
        var connection: ConnectionID
        var since: Int64
    }

    private let bounds: Bounds
    /// The most recently used stands last, so the order is also that of `since`.
    private var idle: [Idle] = []
    /// Exchanges in the order in which they came; one that is no longer in `waiting` has given up.
    private var queue: [ExchangeID] = []
    private var queueStart = 0
    private var waiting: Set<ExchangeID> = []

    /// Connections that are open or being dialled.
    package private(set) var connections = 0
    package var idleConnections: Int { idle.count }
    package var waitingExchanges: Int { waiting.count }
    package var isEmpty: Bool { connections == 0 && waiting.isEmpty }

    package init(bounds: Bounds = Bounds()) { self.bounds = bounds }

    /// Takes the most recently used idle connection, else room for a new one, else a place in the queue.
    package mutating func lease(_ exchange: ExchangeID) -> Lease {
        if let last = idle.popLast() { return .use(last.connection) }
        if connections < bounds.connectionsMax {
            connections += 1
            return .dial
        }
        guard waiting.count < bounds.waitingExchangesMax else { return .refuse }
        waiting.insert(exchange)
        queue.append(exchange)
        return .wait
    }

    /// A connection is free again. Gives the exchange that it carries next, or nil: then it is idle since `now` (nanoseconds of
    /// any clock that only grows).
    package mutating func released(_ connection: ConnectionID, now: Int64) -> ExchangeID? {
        if let exchange = takeWaiting() { return exchange }
        idle.append(Idle(connection: connection, since: now))
        return nil
    }

    /// A connection that was not idle is gone, or could not be dialled. Gives the exchange that dials in its place, or nil.
    package mutating func lost() -> ExchangeID? {
        precondition(connections > 0, "a connection was lost that the pool never counted")
        if let exchange = takeWaiting() { return exchange }
        connections -= 1
        return nil
    }

    /// An idle connection is gone. False where it was not idle, and nothing changes.
    package mutating func lostIdle(_ connection: ConnectionID) -> Bool {
        guard let index = idle.lastIndex(where: { $0.connection == connection }) else { return false }
        idle.remove(at: index)
        connections -= 1
        return true
    }

    /// An exchange that waits gives up its place in the queue.
    package mutating func abandoned(_ exchange: ExchangeID) {
        waiting.remove(exchange)
        // Places that were given up are dropped in one go once they are the greater part, so that each costs O(1).
        if queue.count - queueStart > 2 * waiting.count + 64 {
            queue = queue[queueStart...].filter(waiting.contains)
            queueStart = 0
        }
    }

    /// Takes out the connections that were idle for too long.
    package mutating func expired(now: Int64) -> [ConnectionID] {
        let deadline = now - Int64(bounds.idleSecondsMax) * 1_000_000_000
        let count = idle.prefix { $0.since <= deadline }.count
        return takeIdle(count)
    }

    /// Takes out every idle connection.
    package mutating func drained() -> [ConnectionID] { takeIdle(idle.count) }

    private mutating func takeIdle(_ count: Int) -> [ConnectionID] {
        let taken = idle.prefix(count).map(\.connection)
        idle.removeFirst(count)
        connections -= count
        return taken
    }

    private mutating func takeWaiting() -> ExchangeID? {
        while queueStart < queue.count {
            let exchange = queue[queueStart]
            queueStart += 1
            if waiting.remove(exchange) != nil {
                if queueStart > 1024, queueStart * 2 > queue.count {
                    queue.removeFirst(queueStart)
                    queueStart = 0
                }
                return exchange
            }
        }
        queue.removeAll(keepingCapacity: true)
        queueStart = 0
        return nil
    }
}

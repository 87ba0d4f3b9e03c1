import ApusHTTP
import Testing

@Suite struct `A connection pool` {
    private func pool(connections: Int = 2, waiting: Int = 2) -> ConnectionPool {
        var bounds = ConnectionPool.Bounds()
        bounds.connectionsMax = connections
        bounds.waitingExchangesMax = waiting
        bounds.idleSecondsMax = 60
        return ConnectionPool(bounds: bounds)
    }

    private let second: Int64 = 1_000_000_000

    @Test func `dials up to its bound, then lets exchanges wait, then refuses`() {
        var pool = pool()
        let leases = [1, 2, 3, 4, 5].map { pool.lease($0) }
        #expect(leases == [.dial, .dial, .wait, .wait, .refuse])
        #expect(pool.connections == 2)
        #expect(pool.waitingExchanges == 2)
    }

    @Test func `gives a free connection to the exchange that waited longest`() {
        var pool = pool(connections: 1)
        _ = [1, 2, 3].map { pool.lease($0) }
        #expect(given(pool.released(7, now: 0)) == 2)
        #expect(given(pool.released(7, now: 0)) == 3)
        #expect(given(pool.released(7, now: 0)) == nil)
        #expect(pool.idleConnections == 1)
    }

    @Test func `takes the connection that was used last`() {
        var pool = pool(connections: 3)
        _ = [1, 2, 3].map { pool.lease($0) }
        for (connection, moment) in [(10, 1), (11, 2), (12, 3)] {
            _ = pool.released(ConnectionPool.ConnectionID(connection), now: Int64(moment))
        }
        let leases = [4, 5, 6].map { pool.lease($0) }
        #expect(leases == [.use(12), .use(11), .use(10)])
    }

    @Test func `lets the next exchange dial in the place of a connection that is gone`() {
        var pool = pool(connections: 1)
        _ = [1, 2].map { pool.lease($0) }
        #expect(given(pool.lost()) == 2)
        #expect(pool.connections == 1)
        #expect(given(pool.lost()) == nil)
        #expect(pool.connections == 0)
        #expect(pool.isEmpty)
    }

    @Test func `passes over an exchange that gave up`() {
        var pool = pool(connections: 1, waiting: 3)
        _ = [1, 2, 3].map { pool.lease($0) }
        pool.abandoned(2)
        #expect(given(pool.lease(4)) == .wait)
        #expect(given(pool.released(1, now: 0)) == 3)
        #expect(given(pool.released(1, now: 0)) == 4)
    }

    @Test func `keeps the order of a queue out of which thousands gave up`() {
        var pool = pool(connections: 1, waiting: 10_000)
        _ = pool.lease(0)
        for exchange in 1...10_000 { #expect(given(pool.lease(ConnectionPool.ExchangeID(exchange))) == .wait) }
        for exchange in 1...10_000 where exchange % 1000 != 0 { pool.abandoned(ConnectionPool.ExchangeID(exchange)) }
        #expect(pool.waitingExchanges == 10)
        let order = (1...10).compactMap { _ in pool.released(1, now: 0) }
        #expect(order == (1...10).map { ConnectionPool.ExchangeID($0 * 1000) })
        #expect(given(pool.released(1, now: 0)) == nil)
    }

    @Test func `gives up connections that were idle for its bound, and no others`() {
        var pool = pool(connections: 3)
        _ = [1, 2, 3].map { pool.lease($0) }
        _ = pool.released(10, now: 1 * second)
        _ = pool.released(11, now: 2 * second)
        #expect(given(pool.expired(now: 61 * second - 1)) == [])
        #expect(given(pool.expired(now: 61 * second)) == [10])
        #expect(pool.connections == 2)
        #expect(given(pool.drained()) == [11])
        #expect(pool.connections == 1)
    }

    @Test func `forgets an idle connection that its peer closed, once`() {
        var pool = pool()
        _ = pool.lease(1)
        #expect(!given(pool.lostIdle(10)))
        _ = pool.released(10, now: 0)
        #expect(given(pool.lostIdle(10)))
        #expect(!given(pool.lostIdle(10)))
        #expect(pool.isEmpty)
    }
}

package import ApusHTTP
package import ApusPorts
package import NIOCore
import Synchronization

/// Makes sinks that deliver over HTTP from the loops of an event loop group.
///
/// A loop has one sink whoever asks, so that all brokers of a loop share their connections to a subscriber and its bounds.
package final class HTTPSinkFactory: EventSinkFactory {
    private let executors: [LoopExecutor]
    private let sinks: [HTTPSink]
    private let turn = Atomic<Int>(0)

    /// - Parameters:
    ///   - userAgent: What `User-Agent` says, e.g. `apus/0.1.0`.
    ///   - seed: Where the random span ids of continued traces begin.
    package init(
        group: any EventLoopGroup, userAgent: String, seed: UInt64, bounds: ConnectionPool.Bounds = .ofDelivery
    ) {
        let tls = TLSContexts()
        executors = group.makeIterator().map(LoopExecutor.init)
        sinks = executors.enumerated().map { index, executor in
            HTTPSink(
                executor: executor, transport: HTTPTransport(loop: executor.loop, tls: tls, bounds: bounds), userAgent: userAgent,
                spanIDs: SpanIDs(seed: seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15))
        }
    }

    package func makeExecutor() -> any ApusPorts.Executor {
        let number = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return executors[Int(UInt(bitPattern: number) % UInt(executors.count))]
    }

    package func makeSink(on executor: any ApusPorts.Executor) -> any EventSink {
        guard let index = executors.firstIndex(where: { $0 === executor }) else {
            preconditionFailure("a sink was asked for on an executor that this factory did not make")
        }
        return sinks[index]
    }

    /// Closes the connections that are kept. Attempts that are being made go on.
    package func close() { sinks.forEach { $0.close() } }
}

extension ConnectionPool.Bounds {
    /// Those of ``Limits``.
    package static var ofDelivery: Self {
        var bounds = Self()
        bounds.connectionsMax = Limits.subscriberConnectionsMax
        bounds.waitingExchangesMax = Limits.waitingDeliveriesMax
        bounds.idleSecondsMax = Limits.idleSubscriberConnectionSecondsMax
        return bounds
    }
}

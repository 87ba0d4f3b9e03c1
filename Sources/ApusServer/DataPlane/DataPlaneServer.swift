package import ApusIntake
import ApusTelemetry
package import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// The HTTP/1.1 door of the data plane: `POST /{namespace}/{broker}` (promises 1 to 7).
package final class DataPlaneServer: Sendable {
    private let group: any EventLoopGroup
    private let shared: IngressShared
    private let running = Mutex<Running?>(nil)

    private struct Running: Sendable {
        var channel: any Channel
        var loops: [IngressLoop]
    }

    /// - Parameter isReady: whether the node takes events: what `/readyz` answers. Called on event loops; must not block.
    package init(
        intake: Intake, group: any EventLoopGroup, limits: DataPlaneLimits = DataPlaneLimits(), logger: Logger,
        isReady: @escaping @Sendable () -> Bool = { true }
    ) {
        self.group = group
        shared = IngressShared(intake: intake, limits: limits, isReady: isReady, logger: logger)
    }

    /// Listens; gives back the address that is really bound, with its port where 0 was asked for. Called once.
    ///
    /// Fails where the address is taken or not this machine's.
    @discardableResult
    package func start(host: String, port: Int) async throws -> SocketAddress {
        let shared = shared
        let loops = group.makeIterator().map { IngressLoop(eventLoop: $0, shared: shared) }
        let byEventLoop = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0.eventLoop), $0) })
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = byEventLoop[ObjectIdentifier(channel.eventLoop)] else {
                        throw ChannelError.inappropriateOperationForState
                    }
                    try channel.pipeline.syncOperations.addHandler(IngressConnection(loop: loop))
                }
            }
            .bind(host: host, port: port).get()
        for loop in loops { try await loop.eventLoop.submit { loop.start() }.get() }
        running.withLock { $0 = Running(channel: channel, loops: loops) }
        guard let address = channel.localAddress else { throw ChannelError.unknownLocalAddress }
        shared.logger.info(LogMessage.dataPlaneListens, metadata: [LogKey.address: "\(address)"])
        return address
    }

    /// Takes no more connections, answers what has come in, closes. Connections that are not done after `grace` are cut off.
    package func stop(grace: Duration) async throws {
        guard
            let running = running.withLock({ running -> Running? in
                let taken = running
                running = nil
                return taken
            })
        else { return }
        try await running.channel.close().get()
        let amount = TimeAmount.milliseconds(
            grace.components.seconds * 1000 + grace.components.attoseconds / 1_000_000_000_000_000)
        let stopped = running.loops.map { $0.stop(grace: amount) }
        for future in stopped { try await future.get() }
    }

    /// Connections that the kernel holds before they are taken.
    private static let backlog: CInt = 1024
}

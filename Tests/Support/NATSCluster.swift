import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Nodes of nats-server on loopback that are one cluster, with JetStream.
package final class NATSCluster: Sendable {
    /// `n1`, `n2` …, as they call themselves in answers.
    package let nodes: [(name: String, server: NATSServer)]

    package var urls: [String] { nodes.map(\.server.url) }

    private init(_ nodes: [(name: String, server: NATSServer)]) { self.nodes = nodes }

    /// Starts the nodes and returns when they have elected who leads JetStream.
    package static func start(_ release: NATSServer.Release, count: Int = 3) async throws -> NATSCluster {
        let ports = try freePorts(count)
        let routes = ports.map { "nats://127.0.0.1:\($0)" }.joined(separator: ", ")
        let nodes = try await withThrowingTaskGroup(of: (Int, NATSServer).self) { group in
            for (index, port) in ports.enumerated() {
                let configuration =
                    "server_name: n\(index + 1)\ncluster { name: apus, listen: \"127.0.0.1:\(port)\", routes: [\(routes)] }"
                group.addTask { (index, try await NATSServer.start(release, configuration: configuration)) }
            }
            return try await group.reduce(into: [(Int, NATSServer)]()) { $0.append($1) }
        }
        let cluster = NATSCluster(nodes.sorted { $0.0 < $1.0 }.map { ("n\($0.0 + 1)", $0.1) })
        for node in cluster.nodes {
            guard await node.server.line(where: { $0.contains("metadata leader") }) != nil else {
                throw NATSServer.NotReady(description: "\(node.name) knows no leader")
            }
        }
        return cluster
    }

    package subscript(name: String) -> NATSServer? { nodes.first { $0.name == name }?.server }

    /// All nodes, without waiting; for `defer`.
    package func stop() { for node in nodes { node.server.stop() } }

    /// Ports that nobody has now: routes have to be named before the nodes are started.
    private static func freePorts(_ count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            #if canImport(Glibc)
            let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            #else
            let file = socket(AF_INET, SOCK_STREAM, 0)
            #endif
            sockets.append(file)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(file, $0, length) == 0 ? getsockname(file, $0, &length) : -1
                }
            }
            guard code == 0 else { throw NATSServer.NotReady(description: "no free port") }
            return UInt16(bigEndian: address.sin_port)
        }
    }
}

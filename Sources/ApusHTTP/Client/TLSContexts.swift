package import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization

/// The TLS contexts of a node's clients: one for each set of certificates, made off the event loops, for loading the system's
/// roots takes milliseconds.
package final class TLSContexts: Sendable {
    /// Sets of certificates whose contexts are kept; beyond that all are made anew.
    private static let contextsMax = 256

    private let contexts = Mutex<[String?: NIOSSLContext]>([:])

    package init() {}

    /// The context that trusts the system's roots and the certificates of `pem`. Fails with ``HTTPFailure``.
    package func context(trusting pem: String?, on loop: any EventLoop) -> EventLoopFuture<NIOSSLContext> {
        if let context = contexts.withLock({ $0[pem] }) { return loop.makeSucceededFuture(context) }
        return NIOSingletons.posixBlockingThreadPool.runIfActive(eventLoop: loop) {
            let context = try Self.make(trusting: pem)
            self.contexts.withLock { contexts in
                if contexts.count >= Self.contextsMax { contexts.removeAll() }
                contexts[pem] = context
            }
            return context
        }
    }

    private static func make(trusting pem: String?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.applicationProtocols = ["http/1.1"]
        if let pem {
            do {
                configuration.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)))]
            } catch {
                throw HTTPFailure("the CA certificates of the destination cannot be read: PEM certificates are expected")
            }
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw HTTPFailure("TLS cannot be set up: \(error)")
        }
    }
}

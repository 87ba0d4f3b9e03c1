import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Sentences for what networks and TLS do to an exchange.
enum ClientFailure {
    /// Why a connection could not be made.
    static func connecting(to endpoint: HTTPEndpoint, _ error: any Error) -> HTTPFailure {
        switch error {
        case let failure as HTTPFailure: return failure
        case let error as NIOConnectionError:
            // Any of the addresses may have failed for its own reason: the first one's is told.
            if let first = error.connectionErrors.first { return connecting(to: endpoint, first.error) }
            return HTTPFailure("no such host: \(endpoint.host)")
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            return HTTPFailure("connection refused by \(endpoint.name)")
        case let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE:
            return HTTPFailure("\(endpoint.name) closed the connection while it was made")
        case let error as IOError: return HTTPFailure("cannot connect to \(endpoint.name): \(reason(of: error))")
        case is SocketAddressError: return HTTPFailure("no such host: \(endpoint.host)")
        default: return tls(error, with: endpoint) ?? HTTPFailure("cannot connect to \(endpoint.name): \(error)")
        }
    }

    /// Why a connection ended that carried an exchange.
    static func carrying(from endpoint: HTTPEndpoint, _ error: any Error, inAnswer: Bool) -> HTTPFailure {
        switch error {
        case let error as HTTPError: return HTTPFailure("the answer is no HTTP/1.1: \(error.message)")
        case let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE:
            return HTTPFailure("the connection was reset \(place(inAnswer))")
        case let error as IOError: return HTTPFailure("the connection failed \(place(inAnswer)): \(reason(of: error))")
        case NIOSSLError.uncleanShutdown:
            return HTTPFailure("the connection was closed \(place(inAnswer)) without the end that TLS asks for")
        default:
            return tls(error, with: endpoint) ?? HTTPFailure("the connection failed \(place(inAnswer)): \(error)")
        }
    }

    /// The peer closed the connection too early.
    static func closed(inAnswer: Bool) -> HTTPFailure { HTTPFailure("the connection was closed \(place(inAnswer))") }

    private static func place(_ inAnswer: Bool) -> String {
        inAnswer ? "in the middle of the answer" : "before an answer came"
    }

    private static func reason(of error: IOError) -> String {
        guard let text = strerror(error.errnoCode) else { return "error \(error.errnoCode)" }
        return String(cString: text)
    }

    private static func tls(_ error: any Error, with endpoint: HTTPEndpoint) -> HTTPFailure? {
        switch error {
        case NIOSSLError.handshakeFailed(let cause):
            let text = String(describing: cause)
            return text.contains("CERTIFICATE_VERIFY_FAILED")
                ? HTTPFailure("the certificate of \(endpoint.name) does not verify: no trusted certificate vouches for it")
                : HTTPFailure("the TLS handshake with \(endpoint.name) failed: \(text)")
        case NIOSSLError.unableToValidateCertificate, NIOSSLError.noCertificateToValidate:
            return HTTPFailure("the certificate of \(endpoint.name) does not verify")
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return HTTPFailure("the certificate of \(endpoint.name) does not verify: it is not for \(endpoint.host)")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            return HTTPFailure("TLS with \(endpoint.name) failed: \(error)")
        default: return nil
        }
    }
}

import ApusHTTP
import ApusPorts
import ApusTelemetry
import BrokerMemory
import CloudEvents
import EventFilters
import Foundation
import Logging
import NIOCore
import NIOPosix

@testable import ApusIntake
@testable import ApusServer

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A data plane that listens on a port of its own, with the broker `default/default` on a log.
struct DataPlane {
    let server: DataPlaneServer
    let intake: Intake
    let host: String
    let port: Int

    /// An address that no other test listens at, where the system has more than one of its own: nobody else is given the port
    /// while the test looks at it.
    #if canImport(Glibc)
    static let ownHost = "127.83.7.1"
    #else
    static let ownHost = "127.0.0.1"
    #endif

    /// Starts one, runs `body` with it, stops it.
    static func with(
        log: any EventLog, intakeLimits: IntakeLimits = IntakeLimits(), limits: DataPlaneLimits = DataPlaneLimits(),
        window: Duration? = nil, filters: [[FilterExpression]] = [], host: String = "127.0.0.1",
        isReady: @escaping @Sendable () -> Bool = { true },
        _ body: (DataPlane) async throws -> Void
    ) async throws {
        let intake = Intake(limits: intakeLimits, meters: IntakeMeters(Meters())) { Timestamp(nanoseconds: 0) }
        let index = FilterIndex(try filters.enumerated().map { (id: $0.offset, filter: try CompiledFilter($0.element)) })
        let door = intake.makeDoor(namespace: "default", broker: "default", log: log, filters: index)
        try await door.update(deduplicationWindow: window)
        intake.open(door)
        let server = DataPlaneServer(
            intake: intake, group: MultiThreadedEventLoopGroup.singleton, limits: limits, logger: Logger(label: "test"),
            isReady: isReady)
        let address = try await server.start(host: host, port: 0)
        do {
            try await body(DataPlane(server: server, intake: intake, host: host, port: address.port ?? 0))
        } catch {
            try await server.stop(grace: .zero)
            throw error
        }
        try await server.stop(grace: .seconds(5))
    }

    static func memoryLog() -> MemoryLog { MemoryLog { Timestamp(nanoseconds: 0) } }

    func connect() throws -> Wire { try Wire(host: host, port: port) }

    /// One request on a connection of its own, and its answer.
    func ask(_ request: String) throws -> WireAnswer {
        let wire = try connect()
        try wire.send(request)
        return try wire.receive()
    }
}

struct WireAnswer: Sendable {
    var status: Int
    var headers: HeaderBlock
    var body: String

    subscript(_ name: StaticString) -> String? { headers.text(of: name) }
}

struct WireError: Error {
    var text: String
}

/// A client's end of a connection: bytes as they are, blocking, with a time limit so that no test hangs.
final class Wire {
    private let descriptor: CInt
    private var buffer = ByteBuffer()

    init(host: String = "127.0.0.1", port: Int) throws {
        #if canImport(Glibc)
        // A child that another test starts must not hold it open.
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #else
        descriptor = socket(AF_INET, SOCK_STREAM, 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        #endif
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let address = try SocketAddress(ipAddress: host, port: port)
        let result = address.withSockAddr { connect(descriptor, $0, socklen_t($1)) }
        guard result == 0 else { throw WireError(text: "connect: \(errno)") }
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Self.sendBytes(descriptor, $0.baseAddress, $0.count) }
            guard sent > 0 else { throw WireError(text: "send: \(errno)") }
            rest = rest.dropFirst(sent)
        }
    }

    // A connection that the server has closed is an error here, not a signal.
    private static func sendBytes(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
        Glibc.send(descriptor, bytes, count, CInt(MSG_NOSIGNAL))
        #else
        Darwin.send(descriptor, bytes, count, 0)
        #endif
    }

    /// Closes this side alone.
    func finish() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// The next answer, interim ones included.
    func receive(answersHead: Bool = false) throws -> WireAnswer {
        var scanner = ResponseHeadScanner()
        var head = try scanner.scan(&buffer, answersHead: answersHead)
        while head == nil {
            try fill()
            head = try scanner.scan(&buffer, answersHead: answersHead)
        }
        guard let head else { throw WireError(text: "no head") }
        var reader = try BodyReader(head.framing)
        var body: [UInt8] = []
        while try !reader.read(&buffer, into: &body) { try fill() }
        return WireAnswer(status: head.status, headers: head.headers, body: String(decoding: body, as: UTF8.self))
    }

    /// Whether the server closes the connection next, with nothing more to say.
    func isClosed() throws -> Bool {
        if buffer.readableBytes > 0 { return false }
        do {
            try fill()
            return false
        } catch let error as WireError {
            return error.text == "closed"
        }
    }

    /// ``isClosed()`` on a thread of its own: what closes the connection may need the threads of Swift's pool, and there are as
    /// few as cores.
    func isClosedSoon() async throws -> Bool {
        nonisolated(unsafe) let wire = self
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try wire.isClosed() }) }
        }
    }

    private func fill() throws {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count != 0 else { throw WireError(text: "closed") }
        guard count > 0 else { throw WireError(text: "receive: \(errno)") }
        buffer.writeBytes(bytes[..<count])
    }
}

enum Request {
    /// A minimal event in binary mode.
    static func event(_ id: String, _ more: String = "", path: String = "/default/default", body: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: h\r\nce-specversion: 1.0\r\nce-type: t\r\nce-source: /s\r\nce-id: \(id)\r\n\(more)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}

import ApusPorts
import ApusTelemetry
import ApusTesting
import CloudEvents
import EventFilters
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import ApusIntake
@testable import ApusServer

/// A connection on an event loop whose clock a test moves.
private struct Clockwork {
    let eventLoop = EmbeddedEventLoop()
    let log: HeldLog
    let loop: IngressLoop
    let channel: EmbeddedChannel
    let reads = ReadCounter()

    /// Runs `body` on one thread, which the event loop asks for.
    static func run(
        _ change: (inout DataPlaneLimits) -> Void = { _ in }, _ body: (Clockwork) throws -> Void
    ) async throws {
        var limits = DataPlaneLimits()
        change(&limits)
        let log = HeldLog()
        let intake = Intake(meters: IntakeMeters(Meters())) { Timestamp(nanoseconds: 0) }
        try await intake.open(namespace: "default", broker: "default", log: log, filters: FilterIndex([]))
        try body(Clockwork(log, intake, limits))
    }

    private init(_ log: HeldLog, _ intake: Intake, _ limits: DataPlaneLimits) throws {
        self.log = log
        let shared = IngressShared(intake: intake, limits: limits, isReady: { true }, logger: Logger(label: "test"))
        loop = IngressLoop(eventLoop: eventLoop, shared: shared)
        loop.start()
        channel = EmbeddedChannel(loop: eventLoop)
        try channel.pipeline.syncOperations.addHandlers([reads, IngressConnection(loop: loop)])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    func send(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

    func pass(seconds: Int64) { eventLoop.advanceTime(by: .seconds(seconds)) }

    /// The start lines of all that was answered since.
    func answered() throws -> [String] {
        var text = ""
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
        return text.split(separator: "\r\n").filter { $0.hasPrefix("HTTP/1.1 ") }.map { String($0.dropFirst(9).prefix(3)) }
    }
}

/// Counts how often the connection asked for more bytes.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}

@Suite struct `In time, a connection` {
    @Test func `that is idle is closed, and no sooner`() async throws {
        try await Clockwork.run { clock in
            try clock.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
            clock.pass(seconds: 60)
            #expect(clock.channel.isActive)
            clock.pass(seconds: 2)
            #expect(!clock.channel.isActive)
            #expect(try clock.answered() == ["200"])
        }
    }

    @Test func `that is used stays open`() async throws {
        try await Clockwork.run { clock in
            for _ in 0..<5 {
                try clock.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
                clock.pass(seconds: 55)
            }
            #expect(clock.channel.isActive)
        }
    }

    @Test func `that waits for the log stays open`() async throws {
        try await Clockwork.run { clock in
            try clock.send(Request.event("1"))
            clock.pass(seconds: 300)
            #expect(clock.channel.isActive)
            clock.log.commit()
            clock.eventLoop.run()
            #expect(try clock.answered() == ["202"])
        }
    }

    @Test func `that sends its head byte by byte is refused, however steadily it sends`() async throws {
        try await Clockwork.run { clock in
            try clock.send("POST /default/default HTTP/1.1\r\nHost: h\r\nX: ")
            for _ in 0..<10 {
                try clock.send("x")
                clock.pass(seconds: 1)
            }
            #expect(try clock.answered().isEmpty)
            clock.pass(seconds: 1)
            #expect(try clock.answered() == ["408"])
        }
    }

    @Test func `that sends its body byte by byte is refused, however steadily it sends`() async throws {
        try await Clockwork.run { clock in
            try clock.send("POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")
            for _ in 0..<30 {
                try clock.send("x")
                clock.pass(seconds: 1)
            }
            #expect(try clock.answered().isEmpty)
            clock.pass(seconds: 1)
            #expect(try clock.answered() == ["408"])
            #expect(clock.loop.partialBodiesBytes == 0)
        }
    }

    @Test func `that sends a refused body slowly is closed`() async throws {
        try await Clockwork.run { clock in
            try clock.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nx")
            #expect(try clock.answered() == ["405"])
            clock.pass(seconds: 32)
            #expect(try clock.answered() == ["408"])
        }
    }

    @Test func `is asked for no more bytes while it is owed too many answers`() async throws {
        try await Clockwork.run({ $0.pipelinedRequestsMax = 2 }) { clock in
            try clock.send(Request.event("1") + Request.event("2") + Request.event("3"))
            #expect(clock.log.held.count == 2)
            let reads = clock.reads.count
            clock.channel.read()
            #expect(clock.reads.count == reads)
            clock.log.commit()
            clock.eventLoop.run()
            #expect(try clock.answered() == ["202", "202"])
            #expect(clock.log.held.count == 1)
            #expect(clock.reads.count == reads + 1)
        }
    }

    @Test func `is told to go on only behind the answers before`() async throws {
        try await Clockwork.run { clock in
            try clock.send(
                Request.event("1")
                    + "POST /default/default HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            #expect(try clock.answered().isEmpty)
            clock.log.commit()
            clock.eventLoop.run()
            #expect(try clock.answered() == ["202", "100"])
        }
    }

    @Test func `is refused while the node reads too many bodies at once`() async throws {
        try await Clockwork.run({ $0.partialBodiesBytesMax = 10 }) { clock in
            let head = "POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
            try clock.send(head + "0123456789")
            #expect(try clock.answered().isEmpty)
            try clock.send("0")
            #expect(try clock.answered() == ["429"])
            #expect(clock.loop.partialBodiesBytes == 0)
        }
    }

    @Test func `that is gone gets no answer, and its place serves another`() async throws {
        try await Clockwork.run { clock in
            try clock.send(Request.event("1"))
            try clock.channel.close().wait()
            let other = EmbeddedChannel(handler: IngressConnection(loop: clock.loop), loop: clock.eventLoop)
            try other.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            clock.log.commit()
            clock.eventLoop.run()
            #expect(try other.readOutbound(as: ByteBuffer.self) == nil)
            try other.writeInbound(ByteBuffer(string: Request.event("2")))
            clock.log.commit()
            clock.eventLoop.run()
            let answer = try #require(try other.readOutbound(as: ByteBuffer.self))
            #expect(String(buffer: answer).contains("Apus-Position: 0:1"))
        }
    }
}

@Suite struct `A request's token` {
    @Test func `gives back what it was made of`() {
        let token = RequestToken(place: 9_999, generation: 0xFF_FFFE)
        let request = RequestToken(token.request(0xF_FFFF))
        #expect(request.place == 9_999)
        #expect(request.sequence == 0xF_FFFF)
        #expect(request.isGeneration(0x5FF_FFFE))
        #expect(!request.isGeneration(0xFF_FFFF))
        #expect(RequestToken(token.request(0x10_0000 + 3)).sequence == 3)
    }
}

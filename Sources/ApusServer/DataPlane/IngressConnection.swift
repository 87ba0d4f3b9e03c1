import ApusHTTP
import ApusIntake
import CloudEvents
import NIOCore
import Synchronization

/// One connection of the data plane: requests in, answers out in their order (RFC 9112, section 9.3.2).
///
/// Requests behind one another go to the log together. What is read is what can be held: where too many answers are owed, or the
/// client does not take them, it is not read on.
final class IngressConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase: Equatable {
        case head
        case body
        /// The request was refused; its body is read and dropped, and the next request follows.
        case refusedBody
        /// Nothing more is taken; the connection closes behind the last answer.
        case closing
        /// The last answer has left, and our side is closed.
        case lingering
        case closed
    }

    /// A request whose answer has not left.
    private struct Owed {
        var answer: IngressAnswer?
        var form: AnswerForm
    }

    /// What the sweep saw last: a connection that stays in one state for too long is closed.
    private struct Watch: Equatable {
        var phase: Phase
        var requests: Int
        var isIdle: Bool
        var isWritable: Bool
    }

    let loop: IngressLoop
    var limits: DataPlaneLimits { loop.shared.limits }
    private(set) var context: ChannelHandlerContext?
    private var token = RequestToken(0)

    var phase = Phase.head
    var input = ByteBuffer()
    var scanner: RequestHeadScanner
    /// The request whose body is being read.
    var request: RequestHead?
    var target: (namespace: String, broker: String) = ("", "")
    var reader: BodyReader?
    var body: [UInt8] = []
    /// Whether the client waits to be told that it may send the body.
    var owesContinue = false

    private var owed = CircularBuffer<Owed>()
    /// The number of the first request in `owed`.
    private var firstOwed = 0
    private var hasAnswers = false
    private var output = ByteBuffer()
    private var holdsRead = false
    private var hasInputEnded = false
    private var requests = 0
    private var lingeredBytes = 0
    private var watch: Watch?
    private var watchedSince = 0

    init(loop: IngressLoop) {
        self.loop = loop
        scanner = RequestHeadScanner(limits: loop.shared.limits.http)
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        token = loop.insert(self)
        let open = loop.shared.connections.wrappingAdd(1, ordering: .relaxed).newValue
        if loop.isStopping { cutOff() }
        guard open > limits.openConnectionsMax else { return }
        refuse(
            IntakeRefusal(
                .tooManyConnections, "This node holds as many connections as it may; connect again a little later.",
                retryAfterSeconds: 1))
    }

    func channelActive(context: ChannelHandlerContext) {
        writeAnswers()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = buffer
        } else {
            input.discardReadBytes()
            input.writeImmutableBuffer(buffer)
        }
        takeInput()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if hasAnswers || owesContinue { writeAnswers() }
        // An idle connection holds no buffer.
        if input.readableBytes == 0 { input = ByteBuffer() }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { holdsRead = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { goOn() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { endInput() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { cutOff() }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        leave()
        self.context = nil
    }

    private func leave() {
        guard phase != .closed else { return }
        phase = .closed
        dropBody()
        owed.removeAll()
        loop.remove(token)
        loop.shared.connections.wrappingSubtract(1, ordering: .relaxed)
    }
}

// MARK: Input

extension IngressConnection {
    private var isWritable: Bool { context?.channel.isWritable ?? false }

    private var mayRead: Bool {
        switch phase {
        case .head: owed.count < limits.pipelinedRequestsMax && isWritable
        case .body, .refusedBody, .lingering: true
        // Bytes behind the last request are not wanted before its answer has left; then they are dropped.
        case .closing, .closed: false
        }
    }

    /// Goes on where it had stopped because too many answers were owed.
    private func goOn() {
        if input.readableBytes > 0 { takeInput() }
        if hasAnswers { writeAnswers() }
        closeIfEnded()
        guard holdsRead, mayRead else { return }
        holdsRead = false
        context?.read()
    }

    private func takeInput() {
        do throws(HTTPError) {
            while try takeStep() {}
        } catch {
            refuse(IntakeRefusal(ErrorCode(rawValue: error.code.rawValue) ?? .malformedRequest, error.message))
        }
    }

    /// One step through the input; false where there is nothing more to do with it now.
    private func takeStep() throws(HTTPError) -> Bool {
        switch phase {
        case .head:
            guard input.readableBytes > 0, mayRead, let head = try scanner.scan(&input) else { return false }
            requests &+= 1
            take(head)
            return true
        case .body: return try takeBody()
        case .refusedBody:
            guard try reader?.read(&input, into: &body, keeps: false) ?? true else { return false }
            reader = nil
            phase = .head
            return true
        case .lingering:
            lingeredBytes += input.readableBytes
            input.clear()
            if lingeredBytes > limits.lingerBytesMax { cutOff() }
            return false
        case .closing, .closed:
            input.clear()
            return false
        }
    }

    /// The client has closed its side: what it is owed it still gets.
    private func endInput() {
        hasInputEnded = true
        if phase == .lingering { cutOff() } else { closeIfEnded() }
    }

    /// Closes behind the last answer where no more can come in, and all that came has been taken.
    private func closeIfEnded() {
        guard hasInputEnded, phase != .closing, phase != .lingering, phase != .closed else { return }
        guard phase != .head || input.readableBytes == 0 || mayRead else { return }
        if owed.isEmpty {
            cutOff()
        } else {
            dropBody()
            phase = .closing
            if hasAnswers { writeAnswers() }
        }
    }
}

// MARK: Answers

extension IngressConnection {
    /// Owes an answer to a request; gives back the request's number.
    func owe(_ form: AnswerForm, _ answer: IngressAnswer? = nil) -> Int {
        owed.append(Owed(answer: answer, form: form))
        if answer != nil { hasAnswers = true }
        return firstOwed &+ owed.count &- 1
    }

    /// The mark under which the intake gives back the outcome of a request.
    func token(of number: Int) -> UInt64 { token.request(number) }

    /// Sets an answer; true where it is the first since answers were last written.
    func answer(_ sequence: Int, with answer: IngressAnswer) -> Bool {
        let place = (sequence &- firstOwed) & 0xF_FFFF
        guard place < owed.count else { return false }
        owed[owed.index(owed.startIndex, offsetBy: place)].answer = answer
        let isFirst = !hasAnswers
        hasAnswers = true
        return isFirst
    }

    /// Refuses what cannot be gone on with: the answer is the last.
    func refuse(_ refusal: IntakeRefusal) {
        guard phase != .closing, phase != .lingering, phase != .closed else { return }
        let omitsBody = request?.method == .head
        dropBody()
        phase = .closing
        _ = owe(AnswerForm(closes: true, omitsBody: omitsBody), .refused(refusal))
    }

    /// Writes the answers that are there and whose turn it is, with one flush.
    func writeAnswers() {
        hasAnswers = false
        guard let context, phase != .closed, phase != .lingering else { return }
        output.clear()
        while let first = owed.first, let answer = first.answer {
            var form = first.form
            if phase == .closing, owed.count == 1 { form.closes = true }
            answer.write(form, into: &output)
            if case .refused(let refusal) = answer { loop.shared.intake.meters.countRefusal(refusal.code) }
            owed.removeFirst()
            firstOwed &+= 1
        }
        if owesContinue, owed.isEmpty, phase == .body {
            owesContinue = false
            if body.isEmpty { output.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n") }
        }
        let isLast = phase == .closing && owed.isEmpty
        if isLast {
            writeLast(context)
        } else if output.readableBytes > 0 {
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
            goOn()
        }
    }

    /// Writes the last answer, closes our side, and waits for the client to close its own: a connection that is closed with bytes
    /// unread is reset, and the answer with it (RFC 9112, section 9.6).
    private func writeLast(_ context: ChannelHandlerContext) {
        phase = .lingering
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(output), promise: promise)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            guard phase == .lingering else { return }
            if hasInputEnded { cutOff() } else { self.context?.close(mode: .output, promise: nil) }
        }
        input.clear()
        guard holdsRead else { return }
        holdsRead = false
        context.read()
    }

    func cutOff() {
        guard phase != .closed else { return }
        context?.close(promise: nil)
    }

    /// The node stops: an idle connection closes now, another behind its last answer.
    func finish() {
        guard phase == .head, input.readableBytes == 0 else { return }
        if owed.isEmpty { cutOff() } else { phase = .closing }
    }

    func dropBody() {
        loop.partialBodiesBytes -= body.count
        body = []
        reader = nil
        request = nil
        owesContinue = false
    }
}

// MARK: Time

extension IngressConnection {
    /// Called once a second: closes what has stood in one state for longer than it may.
    func checkTime(_ tick: Int) {
        let isIdle = owed.isEmpty && input.readableBytes == 0
        let now = Watch(phase: phase, requests: requests, isIdle: isIdle, isWritable: isWritable)
        guard now == watch else {
            watch = now
            watchedSince = tick
            return
        }
        let seconds = tick - watchedSince
        switch phase {
        case .lingering:
            if seconds >= limits.lingerSecondsMax { cutOff() }
        case _ where !now.isWritable, .head where isIdle:
            if seconds >= limits.idleSecondsMax { cutOff() }
        case .head where input.readableBytes > 0 && owed.count < limits.pipelinedRequestsMax:
            guard seconds >= limits.headSecondsMax else { return }
            refuse(IntakeRefusal(.requestTimeout, "The request's head took longer than \(limits.headSecondsMax) seconds."))
            writeAnswers()
        case .body, .refusedBody:
            guard seconds >= limits.bodySecondsMax else { return }
            refuse(IntakeRefusal(.requestTimeout, "The request's body took longer than \(limits.bodySecondsMax) seconds."))
            writeAnswers()
        case .head, .closing, .closed: break
        }
    }
}

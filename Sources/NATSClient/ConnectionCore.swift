internal import CNATS
internal import Synchronization

// libnats guards a connection and a subscription with mutexes of its own; the address is a constant, and the job that frees
// what stands there is the last one of the output thread that has it.
struct ConnectionPointer: @unchecked Sendable { let raw: OpaquePointer }

// As above: only jobs of the output thread use it, and the one that frees it takes it out of the core's table first.
struct SubscriptionPointer: @unchecked Sendable { let raw: OpaquePointer }

/// One connection of libnats, and the only one to touch it: what may wait for the network runs on its output thread.
final class ConnectionCore: Sendable {
    private struct State {
        var isClosing = false
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    let configuration: NATSConfiguration
    let relay: EventRelay
    let replies: Replies
    let deadlines: Deadlines
    private let pointer: ConnectionPointer
    private let output: WorkThread
    private let state = Mutex(State())
    private let subscriptions = Mutex<[UInt: SubscriptionPointer]>([:])

    /// Events that nobody has read yet.
    private static let eventsMax = 256

    /// Connects on a thread of its own; libnats tries every server once.
    static func connect(_ configuration: NATSConfiguration) async throws(NATSError) -> ConnectionCore {
        try await SystemThread.value("nats-connect") { () throws(NATSError) in
            let deadlines = try Deadlines.shared.get()
            let relay = EventRelay(eventsMax: eventsMax)
            let relayID = Callbacks.relays.add(relay)
            do throws(NATSError) {
                let options = try Options(configuration, relay: relayID)
                var connection: OpaquePointer?
                let status = natsConnection_Connect(&connection, options.pointer)
                guard status == NATS_OK, let connection else { throw failure(status, configuration) }
                return try ConnectionCore(connection, configuration, relay, deadlines)
            } catch {
                Callbacks.relays.remove(relayID)
                throw error
            }
        }
    }

    /// libnats says no more than "no server available" where none answered: which were tried belongs to it.
    private static func failure(_ status: natsStatus, _ configuration: NATSConfiguration) -> NATSError {
        var error = NATSError.last(status)
        if error.status == .noServer {
            error.text += ": \(configuration.servers.map(NATSConfiguration.redacted).joined(separator: ", "))"
        }
        return error
    }

    private init(
        _ connection: OpaquePointer, _ configuration: NATSConfiguration, _ relay: EventRelay, _ deadlines: Deadlines
    ) throws(NATSError) {
        do throws(NATSError) {
            output = try WorkThread("nats-output")
        } catch {
            natsConnection_Destroy(connection)
            throw error
        }
        self.configuration = configuration
        self.relay = relay
        self.deadlines = deadlines
        pointer = ConnectionPointer(raw: connection)
        replies = Replies(deadlines: deadlines, prefix: Self.newInbox())
        let server = Callbacks.server(of: connection)
        _ = relay.observe { [replies] event in
            switch event {
            case .disconnected:
                replies.failAll(NATSError(.connectionDisconnected, "the connection was lost before an answer came"))
            case .closed: replies.failAll(.closed)
            default: break
            }
        }
        relay.post(.connected(server: server))
    }

    /// A subject that nobody else has, without the last token.
    static func newInbox() -> String {
        var inbox: UnsafeMutablePointer<CChar>?
        guard natsInbox_Create(&inbox) == NATS_OK, let inbox else { return "_INBOX" }
        defer { natsInbox_Destroy(inbox) }
        return String(cString: inbox)
    }

    // MARK: - Out

    /// Hands a message to libnats, in the order of the calls, and returns when it has it.
    func publish(_ message: NATSMessage) async throws(NATSError) {
        try message.check()
        try await output.value { () throws(NATSError) in try self.send(message) }
    }

    /// The same for many, in one turn of the output thread.
    func publish(_ messages: [NATSMessage]) async throws(NATSError) {
        for message in messages { try message.check() }
        try await output.value { () throws(NATSError) in
            for message in messages { try self.send(message) }
        }
    }

    /// The same without waiting; an error goes to `failed`.
    func post(_ message: NATSMessage, failed: @escaping @Sendable (NATSError) -> Void = { _ in }) {
        let isTaken = output.run {
            do throws(NATSError) { try self.send(message) } catch { failed(error) }
        }
        if !isTaken { failed(.closed) }
    }

    private func send(_ message: NATSMessage) throws(NATSError) {
        let length = Int32(clamping: message.payload.count)
        if message.headers.isEmpty {
            let status =
                if let reply = message.reply {
                    natsConnection_PublishRequest(pointer.raw, message.subject, reply, message.payload, length)
                } else {
                    natsConnection_Publish(pointer.raw, message.subject, message.payload, length)
                }
            return try NATSError.check(status)
        }
        var created: OpaquePointer?
        try NATSError.check(
            message.payload.withUnsafeBytes {
                natsMsg_Create(
                    &created, message.subject, message.reply, $0.bindMemory(to: CChar.self).baseAddress, length)
            })
        defer { natsMsg_Destroy(created) }
        for field in message.headers.fields { try NATSError.check(natsMsgHeader_Add(created, field.name, field.value)) }
        try NATSError.check(natsConnection_PublishMsg(pointer.raw, created))
    }

    /// Waits until the server has seen all that was published before.
    func flush(timeoutMilliseconds: Int) async throws(NATSError) {
        try await output.value { () throws(NATSError) in
            try NATSError.check(natsConnection_FlushTimeout(self.pointer.raw, Int64(max(1, timeoutMilliseconds))))
        }
    }

    // MARK: - In

    /// Subscribes; what comes goes to `mailbox` on a thread of libnats' until ``unsubscribe(_:)`` or the end of the connection.
    func subscribe(
        _ subject: String, queue: String?, pending: PendingLimits, mailbox: any Mailbox
    ) async throws(NATSError) -> UInt {
        try NATSSubject.check(subject, wildcards: true)
        return try await output.value { () throws(NATSError) in
            try self.subscribeNow(subject, queue: queue, pending: pending, mailbox: mailbox)
        }
    }

    private func subscribeNow(
        _ subject: String, queue: String?, pending: PendingLimits, mailbox: any Mailbox
    ) throws(NATSError) -> UInt {
        let id = Callbacks.mailboxes.add(mailbox)
        let closure = Registry<any Mailbox>.closure(id)
        var created: OpaquePointer?
        let status =
            if let queue {
                natsConnection_QueueSubscribe(&created, pointer.raw, subject, queue, Callbacks.message, closure)
            } else {
                natsConnection_Subscribe(&created, pointer.raw, subject, Callbacks.message, closure)
            }
        guard status == NATS_OK, let created else {
            Callbacks.mailboxes.remove(id)
            throw NATSError.last(status)
        }
        subscriptions.withLock { $0[id] = SubscriptionPointer(raw: created) }
        _ = natsSubscription_SetPendingLimits(
            created, Int32(clamping: pending.messagesMax), Int32(clamping: pending.bytesMax))
        // It fails where the connection ended meanwhile: then nothing comes any more, and nobody would say so.
        if natsSubscription_SetOnCompleteCB(created, Callbacks.complete, closure) != NATS_OK {
            Callbacks.mailboxes.remove(id)
            mailbox.complete()
        }
        return id
    }

    /// Makes sure that answers arrive, then sends; both on the output thread, so the subscription is there first.
    func postRequest(_ message: NATSMessage, failed: @escaping @Sendable (NATSError) -> Void) {
        let isTaken = output.run {
            do throws(NATSError) {
                if !self.replies.isSubscribed {
                    let inbox = "\(self.replies.prefix).*"
                    _ = try self.subscribeNow(inbox, queue: nil, pending: .unbounded, mailbox: self.replies)
                    self.replies.setSubscribed()
                }
                try self.send(message)
            } catch {
                failed(error)
            }
        }
        if !isTaken { failed(.closed) }
    }

    /// No message follows; those on their way are dropped.
    func unsubscribe(_ id: UInt) {
        output.run {
            guard let subscription = self.subscriptions.withLock({ $0.removeValue(forKey: id) }) else { return }
            natsSubscription_Destroy(subscription.raw)
        }
    }

    /// No new message is asked for; those on their way still arrive, then the mailbox is completed.
    func drain(_ id: UInt) async throws(NATSError) {
        try await output.value { () throws(NATSError) in
            guard let subscription = self.subscriptions.withLock({ $0[id] }) else { return }
            try NATSError.check(natsSubscription_Drain(subscription.raw))
        }
    }

    // MARK: - End

    /// Lets what is on its way arrive and leave, then closes; at the timeout, closes anyway.
    func drainAndClose(timeoutMilliseconds: Int) async throws(NATSError) {
        let closed = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let observer = relay.observe { event in
            if case .closed = event { closed.continuation.finish() }
        }
        defer { relay.removeObserver(observer) }
        try await output.value { () throws(NATSError) in
            try NATSError.check(natsConnection_DrainTimeout(self.pointer.raw, Int64(max(1, timeoutMilliseconds))))
        }
        for await _ in closed.stream {}
        await close()
    }

    /// Returns when libnats' threads for this connection have ended.
    func close() async {
        beginClose()
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.closers.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }

    /// Closes without waiting. `natsConnection_Close` frees what waits on the output thread, so it runs beside it.
    func beginClose() {
        let isFirst = state.withLock { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
        guard isFirst else { return }
        let end: @Sendable () -> Void = {
            natsConnection_Close(self.pointer.raw)
            self.output.stop { self.destroy() }
        }
        // Without a thread to be had, the output thread closes when what it waits for is over.
        do throws(NATSError) { try SystemThread.start("nats-close", end) } catch { output.run(end) }
    }

    /// The output thread's last job.
    private func destroy() {
        for subscription in subscriptions.withLock({ $0 }).values { natsSubscription_Destroy(subscription.raw) }
        subscriptions.withLock { $0 = [:] }
        natsConnection_Destroy(pointer.raw)
        replies.failAll(.closed)
        let closers = state.withLock { state in
            defer { state.closers = [] }
            state.isClosed = true
            return state.closers
        }
        for closer in closers { closer.resume() }
    }
}

/// Messages and bytes that may wait in a subscription.
package struct PendingLimits: Sendable, Equatable {
    package var messagesMax: Int
    package var bytesMax: Int

    package init(messagesMax: Int, bytesMax: Int) {
        self.messagesMax = messagesMax
        self.bytesMax = bytesMax
    }

    /// 8192 messages, 64 MiB.
    package static let standard = PendingLimits(messagesMax: 8192, bytesMax: 67_108_864)
    /// Answers and pulled messages, which are bounded by what was asked for.
    static let unbounded = PendingLimits(messagesMax: -1, bytesMax: -1)
}

extension NATSMessage {
    func check() throws(NATSError) {
        try NATSSubject.check(subject, wildcards: false)
        if let reply { try NATSSubject.check(reply, wildcards: false) }
        try headers.check()
        guard payload.count <= Int(Int32.max) else {
            throw NATSError(.maxPayload, "a payload of \(payload.count) bytes is more than libnats can count")
        }
    }
}

import ApusPorts
import ApusResources
import CloudEvents
import NATSClient

/// The source of one NatsSource: brings each message to the sink, and acknowledges it after that and never before.
struct NatsReader: EventSource {
    let spec: NatsSpec
    let metadata: ObjectMeta

    /// Messages that are brought to the sink at once.
    private static let batchMessagesMax = 256
    /// A fetch that found nothing for this long asks again.
    private static let fetchWaitMilliseconds = 30_000
    /// After a refusal: a request that stands this long is taken.
    private static let probeMilliseconds = 1000
    /// When a message that the sink could not take comes again.
    private static let redeliveryMilliseconds = 2000
    /// How long a stop waits for the server.
    private static let farewellMilliseconds = 1000
    /// JetStream's code for a consumer that is not there.
    private static let consumerNotFound = 10014

    func run(_ context: SourceContext) async throws(SourceFailure) {
        let connection = try await connect()
        let watching = Task { await watch(connection, context) }
        defer { watching.cancel() }
        let failure: SourceFailure?
        do throws(SourceFailure) {
            switch spec.origin {
            case .core(let subject, let queue): try await read(subject, queue: queue, connection, context)
            case .stream(let stream, let durable, let filters, let startsAt):
                let consumer = try await consumer(stream, durable, filters, startsAt, connection, context)
                try await read(consumer, context)
            }
            failure = nil
        } catch {
            failure = error
        }
        // What follows is this source's own doing, and no news.
        if Task.isCancelled { watching.cancel() }
        // The server has heard that nobody asks any more: what comes now goes to the next who does, and not into the void until
        // its acknowledgement wait is over.
        try? await connection.flush(timeoutMilliseconds: Self.farewellMilliseconds)
        await connection.close()
        guard var failure, !Task.isCancelled else { return }
        if let why = await watching.value {
            failure = SourceFailure(reason: "ConnectionClosed", message: "The connection was closed for good: \(why)")
        }
        throw failure
    }

    // MARK: - The connection

    private func connect() async throws(SourceFailure) -> NATSConnection {
        do throws(NATSError) {
            var configuration = NATSConfiguration(servers: spec.servers, tls: spec.tls)
            configuration.name = "apus \(metadata.namespace)/\(metadata.name)"
            configuration.credentials = try credentials()
            return try await NATSConnection.connect(configuration)
        } catch {
            throw SourceFailure(reason: "ConnectionFailed", message: "NATS cannot be reached: \(error)")
        }
    }

    private func credentials() throws(NATSError) -> NATSConfiguration.Credentials {
        switch spec.credentials {
        case .none: .none
        case .user(let user, let file): .user(user, password: try NATSSecret(file: file))
        case .tokenFile(let file): .token(try NATSSecret(file: file))
        case .file(let path): .credentialsFile(path: path)
        case .nkey(let key, let file): .nkey(publicKey: key, seedFile: file)
        }
    }

    /// Says how the connection is; libnats makes it anew by itself.
    ///
    /// - Returns: Why it was closed for good; nil where it was closed here.
    private func watch(_ connection: NATSConnection, _ context: SourceContext) async -> NATSError? {
        var dropped = 0
        for await event in connection.events {
            switch event {
            case .disconnected where !Task.isCancelled:
                context.reporter.report(.notReady(reason: "Disconnected", message: "The connection was lost, and is made anew."))
            case .reconnected: context.reporter.report(.ready)
            case .error(let error):
                context.reporter.report(.notReady(reason: "NatsError", message: "NATS says: \(error)"))
            case .slowConsumer(_, let lost):
                context.reporter.missed(lost - dropped)
                dropped = lost
            case .closed(let why): return why
            default: break
            }
        }
        return nil
    }

    // MARK: - Core subjects

    private func read(
        _ subject: String, queue: String?, _ connection: NATSConnection, _ context: SourceContext
    ) async throws(SourceFailure) {
        let subscription: NATSSubscription
        do throws(NATSError) {
            subscription = try await connection.subscribe(subject, queue: queue)
            try await connection.flush()
        } catch {
            throw SourceFailure(reason: "SubscriptionFailed", message: "\(subject) cannot be subscribed to: \(error)")
        }
        context.reporter.report(.ready)
        let maker = NatsItem(metadata: metadata)
        while let messages = await subscription.next(max: Self.batchMessagesMax) {
            let items = messages.map { maker.item($0, id: context.makeID(), origin: "subject \($0.subject)") }
            try await bring(items, context)
        }
        guard !Task.isCancelled else { return }
        throw SourceFailure(reason: "ConnectionClosed", message: "The server closed the connection for good.")
    }

    /// A core message comes once: it is kept here until the sink takes it, and meanwhile the subscription's bound holds.
    private func bring(_ items: [SourceItem], _ context: SourceContext) async throws(SourceFailure) {
        var left = items[...]
        var wait = Duration.seconds(1)
        while !left.isEmpty, !Task.isCancelled {
            do {
                try await context.emitter.bring(Array(left))
                if left.count < items.count || wait > .seconds(1) { context.reporter.report(.ready) }
                return
            } catch {
                left = left.dropFirst(error.kept)
                context.reporter.report(.notReady(reason: "SinkUnavailable", message: error.message))
                await context.clock.sleep(wait)
                wait = min(wait * 2, .seconds(30))
            }
        }
    }

    // MARK: - Streams

    private func consumer(
        _ stream: String, _ durable: String?, _ filters: [String], _ startsAt: ConsumerConfiguration.DeliverPolicy,
        _ connection: NATSConnection, _ context: SourceContext
    ) async throws(SourceFailure) -> PullConsumer {
        let name = durable ?? "apus-\(context.uid)"
        let jetStream = connection.jetStream
        do throws(NATSError) {
            if let found = try await found(name, of: stream, jetStream) { return found }
            var configuration = ConsumerConfiguration(durableName: name)
            configuration.deliverPolicy = startsAt
            configuration.filterSubject = filters.count == 1 ? filters[0] : nil
            configuration.filterSubjects = filters.count > 1 ? filters : nil
            configuration.description = "apus \(metadata.namespace)/\(metadata.name)"
            try await jetStream.createConsumer(configuration, stream: stream)
            return try await jetStream.pullConsumer(stream: stream, consumer: name)
        } catch {
            throw SourceFailure(reason: "ConsumerFailed", message: "The consumer \(name) of \(stream) cannot be had: \(error)")
        }
    }

    /// A consumer that is there stays as it is: its place in the stream is what counts.
    private func found(_ name: String, of stream: String, _ jetStream: JetStream) async throws(NATSError) -> PullConsumer? {
        do throws(NATSError) {
            return try await jetStream.pullConsumer(stream: stream, consumer: name)
        } catch {
            guard error.jetStreamCode == Self.consumerNotFound else { throw error }
            return nil
        }
    }

    private func read(_ consumer: PullConsumer, _ context: SourceContext) async throws(SourceFailure) {
        context.reporter.report(.ready)
        var isTroubled = false, isSinkAway = false
        while !Task.isCancelled {
            do throws(NATSError) {
                let wait = isTroubled ? Self.probeMilliseconds : Self.fetchWaitMilliseconds
                let messages = try await consumer.fetch(max: Self.batchMessagesMax, waitMilliseconds: wait)
                if isTroubled, !messages.isEmpty || consumer.isAsking {
                    if !isSinkAway { context.reporter.report(.ready) }
                    isTroubled = false
                }
                guard !messages.isEmpty else { continue }
                let isTaken = try await settle(messages, of: consumer, context)
                if isTaken, isSinkAway { context.reporter.report(.ready) }
                isSinkAway = !isTaken
            } catch {
                guard error.isRetriable else {
                    throw SourceFailure(reason: "ConsumerFailed", message: "\(consumer.consumer) of \(consumer.stream): \(error)")
                }
                isTroubled = true
                context.reporter.report(.notReady(reason: "NatsError", message: "NATS says: \(error)"))
                await context.clock.sleep(.seconds(1))
            }
        }
        consumer.close()
    }

    /// Brings messages in, then acknowledges what is durable, gives up what was buried, and asks for the rest again later.
    ///
    /// - Returns: Whether the sink took all.
    private func settle(
        _ messages: [JetStreamMessage], of consumer: PullConsumer, _ context: SourceContext
    ) async throws(NATSError) -> Bool {
        let maker = NatsItem(metadata: metadata)
        let items = messages.map { message in
            let place = "\(message.metadata.stream):\(message.metadata.streamSequence)"
            return maker.item(message.message, id: place, origin: "stream \(place) subject \(message.message.subject)")
        }
        let outcomes: [String?]
        let failure: EmitFailure?
        let atWork = keepAtWork(messages, of: consumer, context)
        do {
            outcomes = try await context.emitter.bring(items)
            failure = nil
        } catch {
            outcomes = Array(repeating: nil, count: error.kept)
            failure = error
        }
        // Its last word comes before what is said now: after a refusal it would put off the next delivery.
        atWork.cancel()
        await atWork.value
        let kept = zip(messages, outcomes).map { (message: $0, outcome: $1 == nil ? JetStreamMessage.Outcome.done : .givenUp) }
        let rest = messages.dropFirst(outcomes.count).map {
            (message: $0, outcome: JetStreamMessage.Outcome.again(delayMilliseconds: Self.redeliveryMilliseconds))
        }
        try await consumer.settle(kept + rest)
        guard let failure else { return true }
        context.reporter.report(.notReady(reason: "SinkUnavailable", message: failure.message))
        let waiting = keepAtWork([], of: consumer, context)
        await context.clock.sleep(.milliseconds(Self.redeliveryMilliseconds))
        waiting.cancel()
        return false
    }

    /// Tells the server, for as long as the task runs, that what it delivered is still at work: a sink that takes longer than the
    /// acknowledgement wait would else get all of it twice.
    private func keepAtWork(
        _ messages: [JetStreamMessage], of consumer: PullConsumer, _ context: SourceContext
    ) -> Task<Void, Never> {
        let pause = Duration.milliseconds(max(1, consumer.ackWaitMilliseconds / 3))
        return Task {
            while true {
                await context.clock.sleep(pause)
                guard !Task.isCancelled else { return }
                consumer.keepAtWork(messages)
            }
        }
    }
}

import NATSClient

extension NATSConnection {
    /// The next event for which `holds` is true; nil when none will come.
    func event(where holds: (NATSEvent) -> Bool) async -> NATSEvent? {
        for await event in events where holds(event) { return event }
        return nil
    }

    static func connect(_ url: String) async throws(NATSError) -> NATSConnection {
        try await connect(NATSConfiguration(servers: [url]))
    }
}

extension NATSSubscription {
    /// That many messages, or fewer where the subscription ends before.
    func messages(_ count: Int) async -> [NATSMessage] {
        var all: [NATSMessage] = []
        while all.count < count, let next = await next(max: count - all.count) { all += next }
        return all
    }
}

extension PullConsumer {
    /// That many messages, fetched one batch after another.
    func messages(_ count: Int, max: Int = 100) async throws(NATSError) -> [JetStreamMessage] {
        var all: [JetStreamMessage] = []
        while all.count < count { all += try await fetch(max: min(max, count - all.count), waitMilliseconds: 20_000) }
        return all
    }
}

extension NATSMessage {
    var text: String { String(decoding: payload, as: UTF8.self) }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The error of a call that must fail.
func failure<Value>(
    isolation: isolated (any Actor)? = #isolation, _ call: () async throws(NATSError) -> Value
) async -> NATSError? {
    do throws(NATSError) {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}

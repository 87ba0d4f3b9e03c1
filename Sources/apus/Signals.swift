@preconcurrency import Dispatch
import Glibc

/// SIGTERM and SIGINT as something to wait for, from the moment on that this is made.
final class Signals: Sendable {
    private let sources: [any DispatchSourceSignal]
    private let arrivals: AsyncStream<String>

    init() {
        let (stream, continuation) = AsyncStream<String>.makeStream()
        arrivals = stream
        sources = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")].map { number, name in
            // The source sees the signal only where its default action is off.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(name) }
            source.resume()
            return source
        }
    }

    deinit { sources.forEach { $0.cancel() } }

    /// The name of the first signal; nil where the task is cancelled before one came.
    func first() async -> String? {
        for await name in arrivals { return name }
        return nil
    }
}

import ApusDelivery
import ApusPorts
import CloudEvents
import NIOPosix

/// A sink on a loop of its own, with deliveries that can be awaited.
struct TestSink: Sendable {
    static let arrival = "2024-02-29T12:00:00.5Z"

    let sink: any EventSink
    let executor: any ApusPorts.Executor

    init() {
        let factory = HTTPSinkFactory(group: MultiThreadedEventLoopGroup.singleton, userAgent: "apus/test", seed: 42)
        executor = factory.makeExecutor()
        sink = factory.makeSink(on: executor)
    }

    /// A binary event with data.
    static func record(id: String = "1", headers: [ForwardedHeader] = []) -> EventRecord {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string(id))
        attributes.append("source", .uriReference("/test"))
        attributes.append("type", .string("test"))
        return EventRecord(attributes: attributes, mode: .binary, body: Array("data".utf8), headers: headers)
    }

    func delivery(
        _ event: EventRecord, to url: String, timeout: Duration = .seconds(10), wantsReply: Bool = true
    ) -> Delivery {
        let appendedAt = Timestamp(nanoseconds: 1_709_208_000_500_000_000)
        return Delivery(
            record: LogRecord(position: Position(offset: 7), appendedAt: appendedAt, event: event),
            destination: Destination(url: url), timeout: timeout, namespace: "default", wantsReply: wantsReply)
    }

    func deliver(_ delivery: Delivery) async -> Outcome {
        await withCheckedContinuation { continuation in
            executor.execute {
                sink.deliver(delivery) { continuation.resume(returning: $0) }
            }
        }
    }
}

/// A value that one loop only touches.
// Sendable without the compiler's proof: who makes it touches it on one loop.
final class LoopBound<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}

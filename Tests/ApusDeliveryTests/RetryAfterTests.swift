import CloudEvents
import Specs
import Testing

@testable import ApusDelivery

/// One vector of `specs/delivery-http/retry-after.yaml`. `now` is RFC 3339, `milliseconds` nil where nothing can be read.
struct RetryAfterVector: Decodable, Sendable {
    var value: String
    var now: String?
    var milliseconds: Int?
}

/// One vector of `specs/delivery-http/traceparent.yaml`. `sent` is what goes out where the span is 00f067aa0ba902b7.
struct TraceVector: Decodable, Sendable {
    var name: String
    var came: String
    var sent: String?
}

@Suite struct `Retry-After` {
    @Test(arguments: Specs.vectors("delivery-http/retry-after.yaml", as: RetryAfterVector.self))
    func `is read as seconds or as a date in three forms`(vector: RetryAfterVector) throws {
        let now = try #require(Timestamp(rfc3339: vector.now ?? "1994-11-06T08:49:00Z"))
        let duration = RetryAfter.duration(ArraySlice(vector.value.utf8), now: now)
        #expect(duration == vector.milliseconds.map { .milliseconds($0) }, "\(vector.value)")
    }

    @Test func `that asks for more than a century asks for a century`() {
        let now = Timestamp(nanoseconds: 0)
        let century = Duration.seconds(3_155_760_000)
        #expect(RetryAfter.duration(ArraySlice("99999999999999999999999".utf8), now: now) == century)
        #expect(RetryAfter.duration(ArraySlice("Fri, 31 Dec 9999 23:59:59 GMT".utf8), now: now) == century)
    }
}

@Suite struct `A trace` {
    @Test(arguments: Specs.vectors("delivery-http/traceparent.yaml", as: TraceVector.self))
    func `goes on with a span of its own, or ends`(vector: TraceVector) {
        var bytes: [UInt8] = []
        TraceContext(vector.came)?.append(spanID: 0x00f0_67aa_0ba9_02b7, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == vector.sent ?? "", "\(vector.name)")
    }

    @Test func `has spans that repeat from their seed and differ from each other`() {
        var (first, second, other) = (SpanIDs(seed: 7), SpanIDs(seed: 7), SpanIDs(seed: 8))
        let spans = (0..<1000).map { _ in first.next() }
        #expect(spans == (0..<1000).map { _ in second.next() })
        #expect(Set(spans).count == 1000)
        #expect(!spans.contains(0))
        #expect(!spans.contains(other.next()))
    }
}

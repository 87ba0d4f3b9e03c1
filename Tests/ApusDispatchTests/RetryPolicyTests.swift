import ApusDispatch
import ApusResources
import Specs
import Testing

@Suite struct `A retry policy` {
    struct Vector: Decodable, Sendable {
        var name: String
        var policy: String
        var delay: Int
        var max: Int?
        var retryAfter: Int?
        var retryAfterMax: Int?
        var waits: [Int]
        /// Why the wait is not the one of Knative's scenario of that name.
        var overrides: String?

        func policy(jitter: Double) -> RetryPolicy {
            RetryPolicy(
                retries: waits.count, backoff: DeliverySpec.BackoffPolicy(rawValue: policy)!, delay: .milliseconds(delay),
                delayMax: max.map { .milliseconds($0) }, retryAfterMax: .milliseconds(retryAfterMax ?? 600_000), jitter: jitter)
        }
    }

    static let vectors = Specs.vectors("delivery/waits.yaml", as: Vector.self)

    @Test(arguments: vectors) func `waits as its formula says`(vector: Vector) {
        var random = SeededGenerator(seed: 1)
        let policy = vector.policy(jitter: 0)
        for (index, wait) in vector.waits.enumerated() {
            let after = vector.retryAfter.map { Duration.milliseconds($0) }
            #expect(policy.wait(beforeRetry: index + 1, retryAfter: after, using: &random) == .milliseconds(wait))
        }
    }

    @Test func `follows the promises where a scenario of Knative says otherwise`() throws {
        let overriding = try #require(Self.vectors.first { $0.overrides != nil })
        let reason = try #require(overriding.overrides)
        Specs.overridden("knative scenario S94, the row with a nil maximum", reason)
        #expect(overriding.name.hasPrefix("S94 absent maximum"))
        #expect(overriding.retryAfterMax == nil && overriding.waits.first == overriding.retryAfter)
    }

    @Test(arguments: vectors) func `strays by its jitter and no further`(vector: Vector) {
        var random = SeededGenerator(seed: 2)
        let policy = vector.policy(jitter: 0.1)
        let floor = vector.retryAfter.map { min($0, vector.retryAfterMax ?? 600_000) } ?? 0
        var seen: Set<Duration> = []
        for (index, wait) in vector.waits.enumerated() {
            for _ in 0..<200 {
                let after = vector.retryAfter.map { Duration.milliseconds($0) }
                let jittered = policy.wait(beforeRetry: index + 1, retryAfter: after, using: &random)
                seen.insert(jittered)
                #expect(jittered >= .milliseconds(max(floor, wait * 9 / 10)))
                #expect(jittered <= .milliseconds(max(floor, min(vector.max ?? .max, wait * 11 / 10 + 1))))
            }
        }
        if vector.delay > 0, floor == 0, vector.max == nil { #expect(seen.count > vector.waits.count * 100) }
    }

    @Test(arguments: vectors) func `tells the shortest and the longest of its waits`(vector: Vector) {
        var random = SeededGenerator(seed: 3)
        for jitter in [0, 0.1, 1] {
            let policy = vector.policy(jitter: jitter)
            for retry in 1...max(1, vector.waits.count) {
                let told = policy.waits(beforeRetry: retry)
                let waits = (0..<200).map { _ in policy.wait(beforeRetry: retry, retryAfter: nil, using: &random) }
                #expect(waits.allSatisfy(told.contains))
                // No wider than what is drawn: two hundred draws come near both ends.
                let width = told.upperBound - told.lowerBound
                #expect((waits.min() ?? .zero) - told.lowerBound <= width / 4)
                #expect(told.upperBound - (waits.max() ?? .zero) <= width / 4)
            }
        }
    }

    @Test(arguments: [1, 62, 63, 64, 1000, Int.max]) func `does not overflow`(n: Int) {
        var random = SeededGenerator(seed: 3)
        for backoff in DeliverySpec.BackoffPolicy.allCases {
            let free = RetryPolicy(retries: n, backoff: backoff, delay: .seconds(Int64.max), jitter: 1)
            #expect(free.wait(beforeRetry: n, retryAfter: nil, using: &random) >= .zero)
            let capped = RetryPolicy(retries: n, backoff: backoff, delay: .seconds(3600), delayMax: .seconds(7200), jitter: 1)
            #expect(capped.wait(beforeRetry: n, retryAfter: nil, using: &random) <= .seconds(7200))
        }
    }
}

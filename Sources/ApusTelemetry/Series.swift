private import Synchronization

/// A number that only grows. Counting is one relaxed atomic addition.
public final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    init() {}

    public func add(_ amount: Int = 1) { count.wrappingAdd(amount, ordering: .relaxed) }
    public var value: Int { count.load(ordering: .relaxed) }
}

/// A number that goes up and down.
public final class Gauge: Sendable {
    private let level = Atomic<Int>(0)

    init() {}

    public func set(_ value: Int) { level.store(value, ordering: .relaxed) }
    public func add(_ amount: Int) { level.wrappingAdd(amount, ordering: .relaxed) }
    public var value: Int { level.load(ordering: .relaxed) }
}

/// Counts observations in buckets of 0.1 ms to 100 s. Observing takes no lock.
public final class Histogram: Sendable {
    /// The buckets' upper bounds in seconds, inclusive; one more bucket holds what is above.
    public static let boundsSeconds: [Double] = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100,
    ]

    private let buckets = (0...Histogram.boundsSeconds.count).map { _ in Counter() }
    /// The sum's bits as a Double: a sum in whole microseconds would lose what a memory log takes.
    private let sumBits = Atomic<UInt64>(Double(0).bitPattern)

    init() {}

    /// Counts one observation in seconds. One below zero (a clock that was set back) counts as 0; one that is no finite number is
    /// left out, because it would make the sum useless for good.
    public func observe(_ seconds: Double) {
        guard seconds.isFinite else { return }
        let seconds = max(seconds, 0)
        buckets[Self.bucket(of: seconds)].add()
        var seen = sumBits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: seen) + seconds).bitPattern
            let (exchanged, original) = sumBits.weakCompareExchange(expected: seen, desired: sum, ordering: .relaxed)
            if exchanged { return }
            seen = original
        }
    }

    /// The counts as they are now, not yet added up: one a bucket, and the sum of all observations in seconds.
    var snapshot: (counts: [Int], sumSeconds: Double) {
        (buckets.map(\.value), Double(bitPattern: sumBits.load(ordering: .relaxed)))
    }

    /// How many observations were counted.
    public var count: Int { buckets.reduce(0) { $0 + $1.value } }

    private static func bucket(of seconds: Double) -> Int {
        var low = 0
        var high = boundsSeconds.count
        while low < high {
            let middle = (low + high) / 2
            if seconds <= boundsSeconds[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

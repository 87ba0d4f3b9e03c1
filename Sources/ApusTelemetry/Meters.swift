/// All series of a node. Series are made once and kept by whoever counts: counting takes no lock and finds no name.
public final class Meters: Sendable {
    public init() {}

    public func counter(_ metric: Metric, _ labels: [String] = []) -> Counter { Counter() }
    public func gauge(_ metric: Metric, _ labels: [String] = []) -> Gauge { Gauge() }
    public func histogram(_ metric: Metric, _ labels: [String] = []) -> Histogram { Histogram() }

    /// Drops every series whose label values begin with these, e.g. those of a trigger that was removed.
    public func drop(_ metric: Metric, _ labels: [String]) {}

    /// All series in Prometheus text format 0.0.4.
    public func prometheusText() -> String { "" }
}

public final class Counter: Sendable {
    public func add(_ amount: Int = 1) {}
    public var value: Int { 0 }
}

public final class Gauge: Sendable {
    public func set(_ value: Int) {}
    public func add(_ amount: Int) {}
    public var value: Int { 0 }
}

/// Counts observations in buckets of 0.1 ms to 100 s.
public final class Histogram: Sendable {
    public func observe(_ seconds: Double) {}
}

private import Synchronization

/// All series of a node. Series are made once and kept by whoever counts: counting takes no lock and finds no name.
public final class Meters: Sendable {
    private let registry = Mutex(Registry())

    public init() {}

    /// The series of a counter with these label values, in the order of the metric's labels; made at the first call.
    public func counter(_ metric: Metric, _ labels: [String] = []) -> Counter {
        let series = series(metric, labels)
        guard case .counter(let counter) = series else {
            preconditionFailure("\(metric.name) is a \(metric.kind), not a counter")
        }
        return counter
    }

    /// The series of a gauge with these label values; made at the first call.
    public func gauge(_ metric: Metric, _ labels: [String] = []) -> Gauge {
        let series = series(metric, labels)
        guard case .gauge(let gauge) = series else { preconditionFailure("\(metric.name) is a \(metric.kind), not a gauge") }
        return gauge
    }

    /// The series of a histogram with these label values; made at the first call.
    public func histogram(_ metric: Metric, _ labels: [String] = []) -> Histogram {
        let series = series(metric, labels)
        guard case .histogram(let histogram) = series else {
            preconditionFailure("\(metric.name) is a \(metric.kind), not a histogram")
        }
        return histogram
    }

    /// Drops every series whose label values begin with these, e.g. those of a trigger that was removed. Who still holds one
    /// counts on unseen; asking for the same labels again makes a new one that starts at 0.
    public func drop(_ metric: Metric, _ labels: [String]) {
        registry.withLock { registry in
            guard var family = registry.families[metric.name] else { return }
            family.series = family.series.filter { !$0.key.starts(with: labels) }
            registry.families[metric.name] = family
        }
    }

    /// Runs `collect` before each text is made, outside any lock: for gauges that are cheaper to read than to keep.
    public func beforeText(_ collect: @escaping @Sendable () -> Void) {
        registry.withLock { $0.collectors.append(collect) }
    }

    /// All series in Prometheus text format 0.0.4, sorted by name and then by label values.
    public func prometheusText() -> String {
        for collect in registry.withLock({ $0.collectors }) { collect() }
        let families = registry.withLock { Array($0.families.values) }
        var text = PrometheusText()
        for family in families.sorted(by: { $0.metric.name < $1.metric.name }) { text.append(family) }
        return text.text
    }

    private func series(_ metric: Metric, _ labels: [String]) -> Series {
        precondition(
            labels.count == metric.labels.count,
            "\(metric.name) takes the labels \(metric.labels), and was given the values \(labels)")
        return registry.withLock { registry in
            var family = registry.families[metric.name] ?? Family(metric: metric)
            precondition(family.metric == metric, "two metrics are called \(metric.name)")
            if let series = family.series[labels] { return series }
            let series = Series(metric.kind)
            family.series[labels] = series
            registry.families[metric.name] = family
            return series
        }
    }

    private struct Registry {
        var families: [String: Family] = [:]
        var collectors: [@Sendable () -> Void] = []
    }
}

/// A metric and its series by their label values.
struct Family: Sendable {
    var metric: Metric
    var series: [[String]: Series] = [:]
}

enum Series: Sendable {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram)

    init(_ kind: Metric.Kind) {
        switch kind {
        case .counter: self = .counter(Counter())
        case .gauge: self = .gauge(Gauge())
        case .histogram: self = .histogram(Histogram())
        }
    }
}

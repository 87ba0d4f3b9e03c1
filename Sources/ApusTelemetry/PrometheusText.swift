/// Prometheus' text exposition format, version 0.0.4: one `# HELP` and one `# TYPE` line a family, then its samples.
struct PrometheusText {
    private(set) var text = ""

    /// Writes a family; one without series is left out.
    mutating func append(_ family: Family) {
        guard !family.series.isEmpty else { return }
        let metric = family.metric
        text += "# HELP \(metric.name) \(Self.escaped(metric.help, quotes: false))\n"
        text += "# TYPE \(metric.name) \(metric.kind.rawValue)\n"
        for (values, series) in family.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let labels = zip(metric.labels, values).map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }
            switch series {
            case .counter(let counter): sample(metric.name, labels, "\(counter.value)")
            case .gauge(let gauge): sample(metric.name, labels, "\(gauge.value)")
            case .histogram(let histogram): append(histogram, metric.name, labels)
            }
        }
    }

    private mutating func append(_ histogram: Histogram, _ name: String, _ labels: [String]) {
        let (counts, sumSeconds) = histogram.snapshot
        let bounds = Histogram.boundsSeconds.map { "\($0)" } + ["+Inf"]
        var total = 0
        for (count, bound) in zip(counts, bounds) {
            total += count
            sample("\(name)_bucket", labels + ["le=\"\(bound)\""], "\(total)")
        }
        sample("\(name)_sum", labels, "\(sumSeconds)")
        sample("\(name)_count", labels, "\(total)")
    }

    private mutating func sample(_ name: String, _ labels: [String], _ value: String) {
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels.joined(separator: ","))} \(value)\n"
    }

    /// Unicode scalars, not Characters: "\r\n" is one Character, and its line feed would end the sample.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

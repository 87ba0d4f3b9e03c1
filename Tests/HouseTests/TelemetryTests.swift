import ApusTelemetry
import Foundation
import Logging
import Specs
import Testing

/// `specs/telemetry.yaml`, as it is read here.
private struct TelemetrySpec: Decodable {
    struct MetricEntry: Decodable {
        var name: String
        var kind: String
        var unit: String
        var labels: [String]
        var meaning: String
    }

    struct MessageEntry: Decodable {
        var message: String
        var level: String
        var keys: [String]
        var meaning: String
    }

    struct KeyEntry: Decodable {
        var key: String
        var meaning: String
    }

    var metrics: [MetricEntry]
    var histogram_bounds_seconds: [Double]
    var log_messages: [MessageEntry]
    var log_keys: [KeyEntry]
}

@Suite struct `The telemetry` {
    private let spec: TelemetrySpec

    init() throws {
        let documents = try Specs.documents(at: Specs.directory.appendingPathComponent("telemetry.yaml"), as: TelemetrySpec.self)
        spec = try #require(documents.first)
        Specs.count(spec.metrics.count + spec.log_messages.count + spec.log_keys.count, in: "specs/telemetry.yaml")
    }

    @Test func `has the metrics of the specs, and none other`() {
        #expect(Metric.all.map(\.name) == spec.metrics.map(\.name))
        for (metric, entry) in zip(Metric.all, spec.metrics) {
            #expect(metric.kind.rawValue == entry.kind, "\(metric.name)")
            #expect(metric.labels == entry.labels, "\(metric.name)")
            #expect(metric.help == entry.meaning, "\(metric.name)")
        }
    }

    /// `Metric.all` is written by hand: each constant of the sources must stand in it.
    @Test func `lists every metric that the sources declare`() throws {
        let sources = Repository.sources.filter { $0.room == "Sources/ApusTelemetry" && $0.path.contains("/Metric") }
        let declared = sources.flatMap { $0.linesOfCode(with: "public static let") }.count
        let all = 1
        #expect(declared - all == Metric.all.count)
    }

    @Test func `names metrics with their base unit`() {
        #expect(Set(spec.metrics.map(\.name)).count == spec.metrics.count)
        for entry in spec.metrics {
            #expect(entry.name.hasSuffix("_total") == (entry.kind == "counter"), "\(entry.name)")
            if ["seconds", "bytes"].contains(entry.unit) {
                #expect(entry.name.hasSuffix("_\(entry.unit)") || entry.name.hasSuffix("_\(entry.unit)_total"), "\(entry.name)")
            }
            if entry.kind == "histogram" { #expect(entry.unit == "seconds", "\(entry.name)") }
        }
    }

    @Test func `has the buckets of the specs`() { #expect(Histogram.boundsSeconds == spec.histogram_bounds_seconds) }

    @Test func `has the log messages of the specs, and none other`() {
        #expect(LogMessage.all.map(\.description) == spec.log_messages.map(\.message))
        for entry in spec.log_messages {
            #expect(entry.keys.allSatisfy(LogKey.all.contains), "\(entry.message): \(entry.keys)")
            #expect(["debug", "info", "notice", "warning", "error"].contains(entry.level), "\(entry.message)")
        }
    }

    @Test func `has the log keys of the specs, and none other`() {
        #expect(LogKey.all == spec.log_keys.map(\.key))
        #expect(Set(LogKey.all).count == LogKey.all.count)
        #expect(Set(LogKey.all).isDisjoint(with: ["time", "level", "message"]), "these are JSON members of every line")
    }
}

import ApusPorts
import ApusTelemetry

/// The series of one reader, found once.
struct ReaderMeters {
    let matched: Counter
    let delivered: Counter
    let retried: Counter
    let lag: Gauge
    let inFlight: Gauge
    let parked: Gauge
    let lost: Counter
    let deliverySeconds: Histogram
    /// Only the stream of events is filtered.
    let filterErrors: Counter?
    private let gaveUp: [Counter]

    /// The feed of a dead letter sink counts by itself, on the stream `dead`.
    init(_ meters: Meters, namespace: String, broker: String, stream: Stream, trigger: String) {
        let labels = [namespace, broker, trigger, stream.rawValue]
        matched = meters.counter(.matched, labels)
        delivered = meters.counter(.delivered, labels)
        retried = meters.counter(.retried, labels)
        lag = meters.gauge(.lag, labels)
        inFlight = meters.gauge(.inFlight, labels)
        parked = meters.gauge(.parked, labels)
        lost = meters.counter(.lost, labels)
        deliverySeconds = meters.histogram(.deliverySeconds, labels)
        filterErrors = stream == .events ? meters.counter(.filterErrors, [namespace, broker, trigger]) : nil
        let giveUps = Self.giveUps(on: stream)
        gaveUp = DeadLetter.Reason.allCases.map { meters.counter(giveUps, [namespace, broker, trigger, $0.rawValue]) }
    }

    /// A trigger gives up on events; its dead letter sink, on dead letters.
    private static func giveUps(on stream: Stream) -> Metric { stream == .events ? .deadLettered : .sinkGaveUp }

    func gaveUp(_ reason: DeadLetter.Reason) -> Counter {
        switch reason {
        case .rejected: gaveUp[0]
        case .retriesExhausted: gaveUp[1]
        case .hopsExhausted: gaveUp[2]
        case .unreadable: gaveUp[3]
        case .edited: gaveUp[4]
        }
    }

    /// Forgets the series of a trigger that was removed.
    static func drop(_ meters: Meters, namespace: String, broker: String, stream: Stream, trigger: String) {
        for metric in [Metric.matched, .delivered, .retried, .lag, .inFlight, .parked, .lost, .deliverySeconds] {
            meters.drop(metric, [namespace, broker, trigger, stream.rawValue])
        }
        meters.drop(giveUps(on: stream), [namespace, broker, trigger])
        if stream == .events { meters.drop(.filterErrors, [namespace, broker, trigger]) }
    }
}

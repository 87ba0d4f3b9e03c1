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
    let deliverySeconds: Histogram
    private let deadLettered: [Counter]

    /// The feed of a dead letter sink counts for the broker `<broker>.dead`, as its stream is called.
    init(_ meters: Meters, namespace: String, broker: String, stream: Stream, trigger: String) {
        let labels = [namespace, stream == .events ? broker : "\(broker).dead", trigger]
        matched = meters.counter(.matched, labels)
        delivered = meters.counter(.delivered, labels)
        retried = meters.counter(.retried, labels)
        lag = meters.gauge(.lag, labels)
        inFlight = meters.gauge(.inFlight, labels)
        parked = meters.gauge(.parked, labels)
        deliverySeconds = meters.histogram(.deliverySeconds, labels)
        deadLettered = DeadLetter.Reason.allCases.map { meters.counter(.deadLettered, labels + [$0.rawValue]) }
    }

    func deadLettered(_ reason: DeadLetter.Reason) -> Counter {
        switch reason {
        case .rejected: deadLettered[0]
        case .retriesExhausted: deadLettered[1]
        case .hopsExhausted: deadLettered[2]
        }
    }

    /// Forgets the series of a trigger that was removed.
    static func drop(_ meters: Meters, namespace: String, broker: String, stream: Stream, trigger: String) {
        let labels = [namespace, stream == .events ? broker : "\(broker).dead", trigger]
        for metric in [Metric.matched, .delivered, .retried, .lag, .inFlight, .parked, .deliverySeconds, .deadLettered] {
            meters.drop(metric, labels)
        }
    }
}

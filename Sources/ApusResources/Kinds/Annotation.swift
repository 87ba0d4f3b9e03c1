/// The annotations that mean something here. Names under `apus.dev/` that are not in this list are refused.
public enum Annotation {
    public static let brokerClass = "eventing.knative.dev/broker.class"
    public static let deliveryOrder = "kafka.eventing.knative.dev/delivery.order"
    public static let dependency = "knative.dev/dependency"
    public static let deduplicationWindow = "apus.dev/deduplication-window"
    public static let retentionAge = "apus.dev/retention-age"
    public static let retentionBytes = "apus.dev/retention-bytes"
    public static let retentionCount = "apus.dev/retention-count"
    public static let retentionForce = "apus.dev/retention-force"
    public static let startFrom = "apus.dev/start-from"
    public static let jitter = "apus.dev/jitter"
    public static let orderBy = "apus.dev/order-by"
    public static let maxInFlight = "apus.dev/max-in-flight"
    public static let rate = "apus.dev/rate"
    public static let paused = "apus.dev/paused"

    /// Those that may be changed through the API although a file owns the resource (promise 26).
    public static let changeableBesideFile: Set<String> = [paused, rate]

    /// Apus's own, by the kind that they belong to.
    public static let ofBroker = [deduplicationWindow, retentionAge, retentionBytes, retentionCount, retentionForce]
    public static let ofTrigger = [startFrom, jitter, orderBy, maxInFlight, rate, paused]

    public static func path(_ name: String) -> String { Path.annotation(name) }

    /// Reads Apus's own annotations of one kind; what is not known, or belongs to another kind, becomes an error.
    struct Reader {
        let annotations: [String: String]
        private(set) var errors: [FieldError] = []

        init(_ annotations: [String: String], known: [String], kind: String) {
            self.annotations = annotations
            for name in annotations.keys.sorted() where name.hasPrefix("apus.dev/") && !known.contains(name) {
                add(name, Self.refusal(of: name, known: known, kind: kind))
            }
        }

        private static func refusal(of name: String, known: [String], kind: String) -> String {
            let other = ofBroker.contains(name) ? Broker.kind : ofTrigger.contains(name) ? Trigger.kind : nil
            if let other { return "\(name) is an annotation of \(other), not of \(kind)" }
            let hint = NearestName.to(name, among: known).map { "; did you mean \($0)?" } ?? ""
            return "\(name) is not an annotation of \(kind)\(hint)"
        }

        mutating func add(_ name: String, _ message: String) {
            errors.append(FieldError(path: Path.annotation(name), message: message))
        }

        /// A value read by `parse`; nil where it is absent, and where it cannot be read, which is an error.
        mutating func value<Value>(_ name: String, _ expectation: String, _ parse: (String) -> Value?) -> Value? {
            guard let text = annotations[name] else { return nil }
            if let value = parse(text) { return value }
            add(name, "must be \(expectation), was \"\(text)\"")
            return nil
        }

        mutating func boolean(_ name: String) -> Bool {
            value(name, "\"true\" or \"false\"") { $0 == "true" ? true : $0 == "false" ? false : nil } ?? false
        }

        mutating func duration(_ name: String, _ example: String) -> Duration? {
            value(name, "a duration of ISO 8601 longer than 0, e.g. \(example)") { text in
                ISODuration(validating: text).flatMap { $0.duration > .zero ? $0.duration : nil }
            }
        }
    }
}

/// What a Broker's annotations ask for; nil is the node's default.
public struct BrokerOptions: Sendable, Equatable {
    /// Within this, a second event with the same source and id is not appended (promise 6); nil is off.
    public var deduplicationWindow: Duration?
    /// Records older than this go (promise 21).
    public var retentionAge: Duration?
    public var retentionBytes: Int64?
    public var retentionCount: Int64?
    /// Trims ahead of live cursors too.
    public var retentionForce = false

    public init() {}

    /// Reads annotations; where one is wrong, its option is as if it were absent.
    public static func read(_ annotations: [String: String]) -> (options: BrokerOptions, errors: [FieldError]) {
        var reader = Annotation.Reader(annotations, known: Annotation.ofBroker, kind: Broker.kind)
        var options = BrokerOptions()
        options.deduplicationWindow = reader.duration(Annotation.deduplicationWindow, "PT10M")
        options.retentionAge = reader.duration(Annotation.retentionAge, "P7D")
        options.retentionBytes = reader.value(
            Annotation.retentionBytes, "a number of bytes above 0, e.g. 10Gi", Quantity.bytes)
        options.retentionCount = reader.value(Annotation.retentionCount, "a whole number above 0", Quantity.count)
        options.retentionForce = reader.boolean(Annotation.retentionForce)
        return (options, reader.errors)
    }
}

extension Broker {
    /// What its annotations ask for. A document that was loaded has none that is wrong.
    public var options: BrokerOptions { BrokerOptions.read(metadata.annotations).options }
}

internal import EventFilters

/// What a Trigger's annotations ask for; nil is the node's default.
public struct TriggerOptions: Sendable, Equatable {
    public enum Order: Sendable, Equatable {
        case unordered
        /// One at a time for each value of this attribute (promise 15).
        case ordered(by: String)
    }

    /// Where a new trigger begins to read (promise 8).
    public var start = LogPoint.latest
    /// How far a wait may differ from its backoff, as a fraction: 0.1 is ±10 % (promise 10).
    public var jitter = 0.1
    public var order = Order.unordered
    /// Deliveries at once.
    public var maxInFlight: Int?
    /// Events a second.
    public var rate: Double?
    public var isPaused = false

    public init() {}

    /// Reads annotations; where one is wrong, its option is as if it were absent.
    public static func read(_ annotations: [String: String]) -> (options: TriggerOptions, errors: [FieldError]) {
        var reader = Annotation.Reader(annotations, known: Annotation.ofTrigger, kind: Trigger.kind)
        var options = TriggerOptions()
        options.start =
            reader.value(
                Annotation.startFrom, "latest, earliest, a position such as 0:1234, or a time of RFC 3339", start) ?? .latest
        options.jitter = reader.value(Annotation.jitter, "a fraction from 0 to 1 (0.1) or a percentage (10%)", fraction) ?? 0.1
        options.maxInFlight = reader.value(Annotation.maxInFlight, "a whole number from 1 to 65536") { text in
            Quantity.count(text).flatMap { $0 <= 65536 ? Int($0) : nil }
        }
        options.rate = reader.value(Annotation.rate, "events a second, above 0 and at most 1000000", rate)
        options.isPaused = reader.boolean(Annotation.paused)
        options.order = order(&reader)
        return (options, reader.errors)
    }

    private static func order(_ reader: inout Annotation.Reader) -> Order {
        let isOrdered =
            reader.value(Annotation.deliveryOrder, "ordered or unordered") {
                $0 == "ordered" ? true : $0 == "unordered" ? false : nil
            }
        let key = reader.value(Annotation.orderBy, "the name of an attribute, e.g. partitionkey") {
            FilterExpression.isAttributeName($0) ? $0 : nil
        }
        if isOrdered == false, key != nil {
            reader.add(
                Annotation.orderBy, "asks for order, and \(Annotation.deliveryOrder) says unordered; remove one of them")
        }
        guard isOrdered == true || key != nil else { return .unordered }
        return .ordered(by: key ?? "partitionkey")
    }

    private static func start(_ text: String) -> LogPoint? {
        switch text {
        case "latest": return .latest
        case "earliest": return .earliest
        default: break
        }
        if let moment = MomentText.moment(text) { return .time(moment) }
        return LogPoint(position: text)
    }

    private static func fraction(_ text: String) -> Double? {
        let isPercentage = text.hasSuffix("%")
        guard let number = decimal(isPercentage ? String(text.dropLast()) : text) else { return nil }
        let value = isPercentage ? number / 100 : number
        return value <= 1 ? value : nil
    }

    private static func rate(_ text: String) -> Double? {
        decimal(text).flatMap { $0 > 0 && $0 <= 1_000_000 ? $0 : nil }
    }

    /// Digits with at most one point among them: neither a sign nor an exponent.
    private static func decimal(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else { return nil }
        return Double(text)
    }
}

extension Trigger {
    /// What its annotations ask for. A document that was loaded has none that is wrong.
    public var options: TriggerOptions { TriggerOptions.read(metadata.annotations).options }
}

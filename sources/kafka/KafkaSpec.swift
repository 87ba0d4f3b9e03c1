import ApusPorts
import ApusResources

/// What a KafkaSource asks for, read and checked.
struct KafkaSpec: Sendable, Equatable {
    enum InitialOffset: String, CaseIterable, Sendable { case earliest, latest }
    enum Ordering: String, CaseIterable, Sendable { case ordered, unordered }

    var bootstrapServers: [String]
    var topics: [String]
    /// nil where the resource's own group is meant.
    var consumerGroup: String?
    var initialOffset: InitialOffset
    var ordering: Ordering
    var consumers: Int
    var security: KafkaSecurity
    var keyType: KeyType
    var sessionTimeout: Duration

    /// Reads the fields of `spec` that are the kind's own; nil, with errors reported, where one of them is wrong.
    init?(_ spec: inout FieldReader, _ metadata: ObjectMeta) {
        let report = spec.report
        let servers = Self.list("bootstrapServers", of: &spec, "HOST:PORT", Self.isAddress)
        let topics = Self.list("topics", of: &spec, "a topic's name: 1 to 249 of A-Z a-z 0-9 . _ -", Self.isTopic)
        consumerGroup = spec.string("consumerGroup")
        let initialOffset: InitialOffset? = Self.choice("initialOffset", of: &spec, fallback: .latest)
        let ordering: Ordering? = Self.choice("ordering", of: &spec, fallback: .ordered)
        let consumers = spec.integer("consumers") ?? 1
        if !(1...Int64(Limits.sourceConsumersMax)).contains(consumers) {
            let pause = consumers == 0 ? "; \(Annotation.paused): \"true\" stops a source" : ""
            report.add(spec.place("consumers"), "must be 1 to \(Limits.sourceConsumersMax), was \(consumers)\(pause)")
        }
        var net = spec.object("net")
        let security = KafkaSecurity(&net, report)
        let keyType = Self.keyType(metadata, report)
        let timeout = Self.sessionTimeout(metadata, report)
        guard let servers, let topics, let initialOffset, let ordering, let security, let keyType, let timeout,
            (1...Int64(Limits.sourceConsumersMax)).contains(consumers)
        else { return nil }
        bootstrapServers = servers
        self.topics = topics
        self.initialOffset = initialOffset
        self.ordering = ordering
        self.consumers = Int(consumers)
        self.security = security
        self.keyType = keyType
        sessionTimeout = timeout
    }

    /// A list that has at least one item, each of which is right, and none twice.
    private static func list(
        _ name: String, of spec: inout FieldReader, _ expectation: String, _ isRight: (String) -> Bool
    ) -> [String]? {
        let report = spec.report
        guard let items = spec.strings(name) else {
            if !spec.names.contains(name) { report.add(spec.place(name), "missing field: at least one is needed") }
            return nil
        }
        if items.isEmpty { report.add(spec.place(name), "must have at least one item") }
        var isWhole = !items.isEmpty
        for (index, item) in items.enumerated() {
            let place = "\(spec.place(name))[\(index)]"
            if !isRight(item) {
                report.add(place, "must be \(expectation), was \"\(item)\"")
                isWhole = false
            } else if items[..<index].contains(where: { $0.utf8.elementsEqual(item.utf8) }) {
                report.add(place, "is there twice: \"\(item)\"")
                isWhole = false
            }
        }
        return isWhole ? items : nil
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, of spec: inout FieldReader, fallback: Choice
    ) -> Choice? {
        guard let text = spec.string(name) else { return fallback }
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue).joined(separator: " or ")
        spec.report.add(spec.place(name), "must be \(known), was \"\(text)\"")
        return nil
    }

    private static func keyType(_ metadata: ObjectMeta, _ report: FieldReport) -> KeyType? {
        guard let text = metadata.labels[KafkaSource.keyTypeLabel] else { return .string }
        if let type = KeyType(rawValue: text) { return type }
        let known = KeyType.allCases.map(\.rawValue).joined(separator: ", ")
        report.add("metadata.labels[\(KafkaSource.keyTypeLabel)]", "must be one of \(known), was \"\(text)\"")
        return nil
    }

    private static func sessionTimeout(_ metadata: ObjectMeta, _ report: FieldReport) -> Duration? {
        guard let text = metadata.annotations[KafkaSource.sessionTimeout] else { return .seconds(10) }
        if let duration = ISODuration(validating: text)?.duration, duration >= .seconds(1), duration <= .seconds(300) {
            return duration
        }
        report.add(
            Annotation.path(KafkaSource.sessionTimeout), "must be a duration of ISO 8601 from PT1S to PT5M, was \"\(text)\"")
        return nil
    }

    /// librdkafka splits at commas, and takes a scheme that is no host.
    static func isAddress(_ text: String) -> Bool {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")), colon > text.startIndex,
            let port = Int(text[text.utf8.index(after: colon)...]), (1...65535).contains(port)
        else { return false }
        return text[..<colon].utf8.allSatisfy { byte in
            isNameByte(byte) || [UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")].contains(byte)
        }
    }

    /// What begins with `^` would be a regular expression to librdkafka.
    static func isTopic(_ text: String) -> Bool { (1...249).contains(text.utf8.count) && text.utf8.allSatisfy(isNameByte) }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

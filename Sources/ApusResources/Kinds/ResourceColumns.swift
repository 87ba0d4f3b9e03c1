public import CloudEvents

/// The columns that `kubectl get` and `apus get` print for a kind (knative.md section 2).
public struct ResourceColumns: Sendable, Equatable {
    public struct Column: Sendable, Equatable {
        public var name: String
        /// Only with `-o wide`.
        public var isWide: Bool
    }

    public var columns: [Column]

    private init(_ names: [String], wide: [String] = []) {
        columns = names.map { Column(name: $0, isWide: false) } + wide.map { Column(name: $0, isWide: true) }
    }

    public static let broker = ResourceColumns(["NAME", "URL", "AGE", "READY", "REASON"], wide: ["CLASS"])
    public static let trigger = ResourceColumns(["NAME", "BROKER", "SUBSCRIBER_URI", "AGE", "READY", "REASON"])
    public static let configMap = ResourceColumns(["NAME", "DATA", "AGE"])

    public static let replay = ResourceColumns(
        ["NAME", "BROKER", "TARGET", "STATE", "PROGRESS", "AGE"], wide: ["FROM", "UNTIL", "FAILED", "MESSAGE"])

    public static func of(_ resource: Resource) -> ResourceColumns {
        switch resource {
        case .broker: broker
        case .trigger: trigger
        case .configMap: configMap
        case .replay: replay
        case .source(let source): self.source(source.schema)
        }
    }

    /// One cell a column, those that are wide included.
    public static func cells(of resource: Resource, now: Timestamp) -> [String] {
        let metadata = resource.metadata
        let age = metadata.creationTimestamp.map { AgeText.since($0, now: now) } ?? "<unknown>"
        func ready(_ conditions: Conditions) -> [String] {
            let ready = conditions[Conditions.ready]
            return [ready?.status.rawValue ?? "", ready?.reason ?? ""]
        }
        switch resource {
        case .broker(let broker):
            return [metadata.name, broker.status.url ?? "", age] + ready(broker.status.conditions) + [broker.effectiveClass]
        case .trigger(let trigger):
            return [metadata.name, trigger.brokerName, trigger.status.subscriber?.url ?? "", age]
                + ready(trigger.status.conditions)
        case .configMap(let map):
            return [metadata.name, String(map.data.count), age]
        case .replay(let replay):
            let status = replay.status
            return [
                metadata.name, replay.spec.broker, replay.targetText, status.state?.rawValue ?? "", status.progressText, age,
                status.from ?? replay.spec.from, status.until ?? replay.spec.until, String(status.failed), status.message,
            ]
        case .source(let source):
            let ready = ready(source.status.conditions)
            let document = source.document(withStatus: false)
            let cells = source.schema.columns.map { column -> String in
                switch column {
                case .sink: source.status.sink?.url ?? ""
                case .age: age
                case .ready: ready[0]
                case .reason: ready[1]
                case .field(_, let path, _): cell(document.value(at: path))
                }
            }
            return [metadata.name] + cells
        }
    }

    private static func source(_ schema: SourceSchema) -> ResourceColumns {
        var columns = ResourceColumns(["NAME"])
        columns.columns += schema.columns.map { column in
            switch column {
            case .sink: Column(name: "SINK", isWide: false)
            case .age: Column(name: "AGE", isWide: false)
            case .ready: Column(name: "READY", isWide: false)
            case .reason: Column(name: "REASON", isWide: false)
            case .field(let name, _, let isWide): Column(name: name, isWide: isWide)
            }
        }
        return columns
    }

    private static func cell(_ value: DocumentNode?) -> String {
        switch value?.content {
        case .string(let text), .number(let text): text
        case .boolean(let flag): flag ? "true" : "false"
        case .sequence(let items): items.map { cell($0) }.joined(separator: ",")
        case .mapping, .null, nil: ""
        }
    }
}

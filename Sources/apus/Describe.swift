import ApusClient
import ApusResources
import ArgumentParser
import CloudEvents

struct Describe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one broker, trigger, source or replay: what it asks for, what is in force, how far it is.",
        discussion: """
            EXAMPLES
              apus describe broker default
              apus describe trigger orders -n shop
              apus describe pingsource nightly
              apus describe replay replay-x7f2k
            """)

    @Argument(help: "broker, trigger, replay, or a kind of source such as pingsource.")
    var kind: KindArgument

    @Argument(help: "Its name.")
    var name: String

    @Option(name: [.customShort("n"), .long], help: "The namespace.")
    var namespace = "default"

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.withClient { client in
            switch try await client.get(kind.kind, namespace: namespace, name: name) {
            case .broker(let broker):
                let triggers = try await client.list(.trigger, namespace: namespace)
                Console.print(Description.lines(of: broker, triggers: triggers, now: .now))
            case .trigger(let trigger):
                let broker = try? await client.get(.broker, namespace: namespace, name: trigger.brokerName)
                Console.print(Description.lines(of: trigger, broker: broker, now: .now))
            case .source(let source): Console.print(Description.lines(of: source, now: .now))
            case .replay(let replay): Console.print(Description.lines(of: replay, now: .now))
            case .configMap: break
            }
        }
    }
}

/// What `describe` prints. Pure.
enum Description {
    static func lines(of broker: Broker, triggers: [Resource], now: Timestamp) -> [String] {
        var lines = head(broker.metadata, now: now)
        lines += pairs([("Class", broker.effectiveClass), ("URL", broker.status.url ?? "none yet")])
        if let sink = broker.status.deadLetterSink { lines += pairs([("Dead letters", sink.url)]) }
        lines += annotations(broker.status.annotations)
        let own = triggers.compactMap { resource -> Trigger? in
            guard case .trigger(let trigger) = resource, trigger.brokerName == broker.metadata.name else { return nil }
            return trigger
        }
        lines.append("Triggers:")
        lines += own.isEmpty ? ["  none"] : own.map { "  \($0.metadata.name) → \($0.status.subscriber?.url ?? "unresolved")" }
        return lines + conditions(broker.status.conditions, now: now)
    }

    static func lines(of trigger: Trigger, broker: Resource?, now: Timestamp) -> [String] {
        var lines = head(trigger.metadata, now: now)
        lines += pairs([("Broker", trigger.brokerName), ("Subscriber", trigger.status.subscriber?.url ?? "unresolved")])
        if let sink = trigger.status.deadLetterSink { lines += pairs([("Dead letters", sink.url)]) }
        lines.append("Filter:")
        let filters = trigger.effectiveFilterLines
        lines += filters.isEmpty ? ["  every event"] : filters.map { "  \($0)" }
        lines += filterErrors(trigger.status.annotations)
        lines.append("Delivery in force:")
        var known: Broker?
        if case .broker(let broker)? = broker { known = broker }
        lines += delivery(effectiveDelivery(trigger: trigger, broker: known)).map { "  \($0)" }
        lines += annotations(trigger.status.annotations)
        return lines + conditions(trigger.status.conditions, now: now)
    }

    static func lines(of source: SourceResource, now: Timestamp) -> [String] {
        var lines = head(source.metadata, now: now)
        lines += pairs([("Kind", source.schema.kind.kind), ("Sink", source.status.sink?.url ?? "unresolved")])
        for attributes in source.status.eventAttributes {
            lines += pairs([("Event type", attributes.type), ("Event source", attributes.source)])
        }
        lines.append("Spec:")
        lines += source.spec.yaml().split(separator: "\n").map { "  \($0)" }
        lines += annotations(source.status.annotations)
        return lines + conditions(source.status.conditions, now: now)
    }

    static func head(_ metadata: ObjectMeta, now: Timestamp) -> [String] {
        pairs([
            ("Name", metadata.name), ("Namespace", metadata.namespace),
            ("Age", metadata.creationTimestamp.map { AgeText.since($0, now: now) } ?? "unknown"),
        ])
    }

    static func pairs(_ pairs: [(String, String)]) -> [String] {
        pairs.map { name, value in "\(name):".padded(to: 16) + value }
    }

    private static let filterErrorNames = ["apus.dev/filter-errors", "apus.dev/last-filter-error"]

    private static func filterErrors(_ annotations: [String: String]) -> [String] {
        let (count, last) = (annotations[filterErrorNames[0]], annotations[filterErrorNames[1]])
        return count.map { pairs([("Filter errors", $0 + (last.map { ", last: \($0)" } ?? ""))]) } ?? []
    }

    static func annotations(_ annotations: [String: String]) -> [String] {
        let annotations = annotations.filter { !filterErrorNames.contains($0.key) }
        guard !annotations.isEmpty else { return [] }
        return ["Progress:"]
            + annotations.sorted { $0.key < $1.key }.map { name, value in
                let name = name.hasPrefix("apus.dev/") ? String(name.dropFirst("apus.dev/".count)) : name
                return "  \(name):".padded(to: 26) + value
            }
    }

    static func delivery(_ delivery: EffectiveDelivery) -> [String] {
        let delay = "\(delivery.backoffDelay.secondsText) s"
        let wait = delivery.backoffPolicy == .linear ? "\(delay) × n" : "\(delay) × 2^n"
        var lines = ["at most \(delivery.retries + 1) attempts, waiting \(wait)"]
        if let cap = delivery.backoffMax { lines[0] += ", at most \(cap.secondsText) s" }
        lines.append("timeout of an attempt: \(delivery.timeout.map { "\($0.secondsText) s" } ?? "30 s (default)")")
        if let format = delivery.format { lines.append("format: \(format.rawValue)") }
        return lines
    }

    /// As `kn` marks them: `++` True, `!!` False, `??` Unknown, ` I` and ` W` what does not bear on Ready.
    static func conditions(_ conditions: Conditions, now: Timestamp) -> [String] {
        let rows = conditions.list.map { condition -> [String] in
            let mark: String =
                switch (condition.status, condition.severity) {
                case (.yes, _): "++"
                case (.unknown, _): "??"
                case (.no, .error): "!!"
                case (.no, .warning): " W"
                case (.no, .info): " I"
                }
            let age = condition.lastTransitionTime.map { AgeText.since($0, now: now) } ?? ""
            let why = [condition.reason, condition.message].filter { !$0.isEmpty }.joined(separator: ": ")
            return [mark, condition.type, age, why]
        }
        return ["Conditions:"] + Console.table(["OK", "TYPE", "AGE", "REASON"], rows).map { "  \($0)" }
    }
}

extension Trigger {
    /// The filters in force as YAML lines.
    var effectiveFilterLines: [String] {
        let document = Resource.trigger(self).document(withStatus: false)
        let field = spec.filters.isEmpty ? "filter" : "filters"
        guard let filter = document["spec"]?[field] else { return [] }
        guard filter != .mapping([]) else { return [] }
        return filter.yaml().split(separator: "\n").map(String.init)
    }
}

extension String {
    func padded(to width: Int) -> String { count >= width ? self + " " : self + String(repeating: " ", count: width - count) }
}

extension Duration {
    /// Seconds without needless zeros: `0.2`, `30`.
    var secondsText: String {
        let (seconds, attoseconds) = components
        guard attoseconds != 0 else { return "\(seconds)" }
        var fraction = String(attoseconds / 1_000_000_000_000_000)
        fraction = String(repeating: "0", count: max(0, 3 - fraction.count)) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(seconds).\(fraction)"
    }
}

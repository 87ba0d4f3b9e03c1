/// A kind as the resource API serves it.
public struct ResourceKind: Sendable, Equatable {
    public var group: String
    public var version: String
    public var kind: String
    public var plural: String
    public var singular: String
    /// Other names that a person may give it.
    public var shortNames: [String]

    public init(group: String, version: String, kind: String, plural: String, singular: String, shortNames: [String] = []) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.singular = singular
        self.shortNames = shortNames
    }

    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    public static let broker = ResourceKind(
        group: "eventing.knative.dev", version: "v1", kind: "Broker", plural: "brokers", singular: "broker", shortNames: [])
    public static let trigger = ResourceKind(
        group: "eventing.knative.dev", version: "v1", kind: "Trigger", plural: "triggers", singular: "trigger", shortNames: [])
    public static let replay = ResourceKind(
        group: "apus.dev", version: "v1alpha1", kind: "Replay", plural: "replays", singular: "replay", shortNames: ["rp"])

    public static let served = [broker, trigger, replay]

    /// The kind that a person means by a plural, a singular or a kind's name, in any case.
    public static func named(_ name: String) -> ResourceKind? {
        let name = name.lowercased()
        return served.first { $0.plural == name || $0.singular == name || $0.shortNames.contains(name) }
    }
}

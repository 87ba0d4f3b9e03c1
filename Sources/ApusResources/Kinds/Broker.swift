/// Knative's Broker (`eventing.knative.dev/v1`): an address that takes events, and the log behind it.
public struct Broker: Sendable, Equatable {
    public static let apiVersion = "eventing.knative.dev/v1"
    public static let kind = "Broker"

    public var metadata: ObjectMeta
    public var spec: BrokerSpec
    public var status: BrokerStatus

    public init(metadata: ObjectMeta, spec: BrokerSpec = BrokerSpec(), status: BrokerStatus = BrokerStatus()) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public var identity: ResourceIdentity {
        ResourceIdentity(kind: Self.kind, namespace: metadata.namespace, name: metadata.name)
    }

    /// The class that serves it: absent, or Knative's `MTChannelBasedBroker`, is the node's default (promise 24).
    public var effectiveClass: String {
        switch metadata.annotations[Annotation.brokerClass] {
        case nil, "", "MTChannelBasedBroker": Self.defaultClass
        case .some(let name): name
        }
    }

    public static let defaultClass = "SQLite"

    /// With what Knative's defaulting fills in (scenario S100). The class annotation stays absent where it is (promise 24).
    public func defaulted() -> Broker {
        var copy = self
        let delivery = spec.delivery.flatMap { $0.isEmpty ? nil : $0 } ?? .brokerDefault
        copy.spec.delivery = delivery.defaulted(namespace: metadata.namespace)
        if copy.spec.config != nil, copy.spec.config?.namespace == nil { copy.spec.config?.namespace = metadata.namespace }
        return copy
    }

    /// What a change may not change: the class, and `spec.config` (knative.md item 72).
    public static func validateUpdate(old: Broker, new: Broker) -> [FieldError] {
        var errors: [FieldError] = []
        if old.effectiveClass != new.effectiveClass {
            errors.append(
                FieldError(
                    path: Annotation.path(Annotation.brokerClass),
                    message: "Immutable annotations changed (-old +new): -\(old.effectiveClass) +\(new.effectiveClass)"))
        }
        let (before, after) = (old.defaulted().spec.config, new.defaulted().spec.config)
        if before != after {
            let (left, right) = (before?.document.json() ?? "none", after?.document.json() ?? "none")
            errors.append(
                FieldError(path: "spec.config", message: "Immutable fields changed (-old +new): -\(left) +\(right)"))
        }
        return errors
    }
}

public struct BrokerSpec: Sendable, Equatable {
    /// Accepted and, with this build's classes, not used; a condition says so.
    public var config: KReference?
    public var delivery: DeliverySpec?

    public init(config: KReference? = nil, delivery: DeliverySpec? = nil) {
        self.config = config
        self.delivery = delivery
    }

    var document: DocumentNode { .mapping([("config", config?.document), ("delivery", delivery?.document)]) }
}

extension Broker {
    init?(_ reader: inout FieldReader) {
        guard let metadata = ObjectMeta(&reader) else { return nil }
        self.init(metadata: metadata)
        if var spec = reader.object("spec") {
            self.spec.config = KReference(spec.object("config"))
            self.spec.delivery = DeliverySpec(spec.object("delivery"))
            spec.finish()
        }
        status = BrokerStatus(reader.take("status"))
        reader.report.add(BrokerOptions.read(metadata.annotations).errors)
    }

    /// As Kubernetes would give it. Without status it is what the node stores.
    public func document(withStatus: Bool = true) -> DocumentNode {
        .mapping([
            ("apiVersion", .string(Self.apiVersion)), ("kind", .string(Self.kind)), ("metadata", metadata.document),
            ("spec", spec.document), ("status", withStatus ? status.document : nil),
        ])
    }
}

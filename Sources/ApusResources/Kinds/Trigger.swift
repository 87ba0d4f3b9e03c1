public import EventFilters

/// Knative's Trigger (`eventing.knative.dev/v1`): which events of a Broker go to a subscriber, and how.
public struct Trigger: Sendable, Equatable {
    public static let apiVersion = "eventing.knative.dev/v1"
    public static let kind = "Trigger"

    public var metadata: ObjectMeta
    public var spec: TriggerSpec
    public var status: TriggerStatus

    public init(metadata: ObjectMeta, spec: TriggerSpec, status: TriggerStatus = TriggerStatus()) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public var identity: ResourceIdentity {
        ResourceIdentity(kind: Self.kind, namespace: metadata.namespace, name: metadata.name)
    }

    /// The Broker, in the trigger's own namespace, by `broker` or `brokerRef`.
    public var brokerName: String { spec.broker ?? spec.brokerRef?.name ?? "" }

    /// With what Knative's defaulting fills in: namespaces of references, and the label that names the Broker (scenario S104).
    public func defaulted() -> Trigger {
        var copy = self
        let namespace = metadata.namespace
        copy.spec.subscriber = spec.subscriber.defaulted(namespace: namespace)
        copy.spec.delivery = spec.delivery?.defaulted(namespace: namespace)
        if copy.spec.brokerRef != nil, copy.spec.brokerRef?.namespace == nil { copy.spec.brokerRef?.namespace = namespace }
        if !brokerName.isEmpty { copy.metadata.labels["eventing.knative.dev/broker"] = brokerName }
        return copy
    }

    /// The filter in force, compiled: `filters` where it is not empty, else `filter` (knative.md item 39).
    ///
    /// Paths of errors are whole: `spec.filters[1].any[0].exact.type`.
    public func compiledFilter() throws(FilterError) -> CompiledFilter {
        do {
            return try CompiledFilter(spec.effectiveFilters)
        } catch {
            throw FilterError(path: spec.path(ofFilterPath: error.path), message: error.message, excerpt: error.excerpt)
        }
    }

    /// What in the filter in force is valid and still likely to be a mistake; paths are whole, places are those in the
    /// expression.
    public var filterWarnings: [FieldError] {
        FilterDocument.warnings((try? compiledFilter())?.warnings ?? [], path: spec.path(ofFilterPath:))
    }

    /// What a change may not change: the Broker (knative.md item 73).
    public static func validateUpdate(old: Trigger, new: Trigger) -> [FieldError] {
        guard old.brokerName != new.brokerName else { return [] }
        return [
            FieldError(
                path: "spec.broker",
                message: "Immutable fields changed (-old +new): -\(old.brokerName) +\(new.brokerName)")
        ]
    }
}

public struct TriggerSpec: Sendable, Equatable {
    public var broker: String?
    /// Another way to name the Broker; exclusive with `broker`, and in the trigger's own namespace.
    public var brokerRef: KReference?
    /// `filter.attributes`, in the order of the document.
    public var filterAttributes: [AttributePredicate]
    /// `filters`; overrides `filter` where it is not empty.
    public var filters: [FilterExpression]
    public var subscriber: DestinationSpec
    public var delivery: DeliverySpec?

    public init(
        broker: String, filterAttributes: [AttributePredicate] = [], filters: [FilterExpression] = [],
        subscriber: DestinationSpec, delivery: DeliverySpec? = nil
    ) {
        self.broker = broker
        self.filterAttributes = filterAttributes
        self.filters = filters
        self.subscriber = subscriber
        self.delivery = delivery
    }

    /// What must all match. Empty matches every event.
    public var effectiveFilters: [FilterExpression] {
        if !filters.isEmpty { return filters }
        return filterAttributes.isEmpty ? [] : [.attributes(filterAttributes)]
    }

    /// Where in the document a path of ``effectiveFilters`` is, e.g. `[0].exact.type`.
    public func path(ofFilterPath path: String) -> String {
        filters.isEmpty ? "spec.filter\(path.dropFirst("[0]".count))" : "spec.filters\(path)"
    }

    var document: DocumentNode {
        let attributes = filterAttributes.isEmpty ? nil : FilterDocument.predicates(filterAttributes)
        return .mapping([
            ("broker", broker.map { .string($0) }), ("brokerRef", brokerRef?.document),
            ("filter", .mapping([("attributes", attributes)])),
            ("filters", filters.isEmpty ? nil : .sequence(filters.map(FilterDocument.write))),
            ("subscriber", subscriber.document), ("delivery", delivery?.document),
        ])
    }
}

extension Trigger {
    init?(_ reader: inout FieldReader) {
        let report = reader.report
        guard let metadata = ObjectMeta(&reader) else { return nil }
        guard var spec = reader.object("spec") else {
            report.add("spec", "missing field: a Trigger has a broker and a subscriber")
            return nil
        }
        let broker = spec.string("broker")
        let brokerRef = KReference(spec.object("brokerRef"))
        let attributes = FilterDocument.attributes(&spec)
        let filters = FilterDocument.filters(&spec, kind: Self.kind)
        let hasSubscriber = spec.names.contains("subscriber")
        let subscriber = DestinationSpec(spec.object("subscriber"))
        if subscriber == nil, !hasSubscriber {
            report.add("spec.subscriber", "missing field: where the events go; expected at least one, got none: ref, uri")
        }
        self.init(
            metadata: metadata,
            spec: TriggerSpec(
                broker: broker ?? "", filterAttributes: attributes, filters: filters ?? [],
                subscriber: subscriber ?? DestinationSpec(), delivery: DeliverySpec(spec.object("delivery"))))
        self.spec.broker = broker
        self.spec.brokerRef = brokerRef
        spec.finish()
        status = TriggerStatus(reader.take("status"))
        checkBroker(report)
        // An item that could not be read would make the rest a wider filter than was meant; its own error is reported already.
        if filters != nil || !spec.names.contains("filters") { checkFilters(report) }
        report.add(TriggerOptions.read(metadata.annotations).errors)
    }

    private func checkBroker(_ report: FieldReport) {
        switch (spec.broker, spec.brokerRef) {
        case (nil, nil): report.add("spec.broker", "missing field: the name of a Broker in the same namespace")
        case (.some, .some): report.add("spec", "expected exactly one, got both: spec.broker, spec.brokerRef")
        case (.some(let name), nil):
            if !ResourceName.isSubdomain(name) {
                report.add("spec.broker", "must be the name of a Broker in the same namespace, was \"\(name)\"")
            }
        case (nil, .some(let reference)):
            if reference.kind != Broker.kind, !reference.kind.isEmpty {
                report.add("spec.brokerRef.kind", "must be Broker, was \(reference.kind)")
            }
            if let namespace = reference.namespace, namespace != metadata.namespace {
                report.add(
                    "spec.brokerRef.namespace",
                    "must be the trigger's own namespace \(metadata.namespace) "
                        + "(Knative's flag cross-namespace-event-links is off)"
                )
            }
        }
    }

    private func checkFilters(_ report: FieldReport) {
        // Both are checked: the legacy field may hold again when `filters` goes.
        var legacy = spec
        legacy.filters = []
        for candidate in spec.filters.isEmpty ? [legacy] : [legacy, spec] {
            do {
                _ = try CompiledFilter(candidate.effectiveFilters)
            } catch {
                report.add(candidate.path(ofFilterPath: error.path), error.message, excerpt: error.excerpt)
            }
        }
    }

    /// As Kubernetes would give it. Without status it is what the node stores.
    public func document(withStatus: Bool = true) -> DocumentNode {
        .mapping([
            ("apiVersion", .string(Self.apiVersion)), ("kind", .string(Self.kind)), ("metadata", metadata.document),
            ("spec", spec.document), ("status", withStatus ? status.document : nil),
        ])
    }
}

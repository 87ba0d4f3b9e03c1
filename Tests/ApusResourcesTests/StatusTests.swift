import ApusResources
import CloudEvents
import Specs
import Testing

private func moment(_ seconds: Int64) -> Timestamp { Timestamp(nanoseconds: seconds * 1_000_000_000) }

private func broker(_ name: String = "b", delivery: String? = nil, annotations: String = "{}", config: String? = nil) throws
    -> Broker
{
    let text = """
        {apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: \(name), annotations: \(annotations)},
         spec: {delivery: \(delivery ?? "null"), config: \(config ?? "null")}}
        """
    let resources = try Manifests.load([Manifests.Source(file: nil, text: text)]).resources
    guard case .broker(let broker)? = resources.first else { throw FieldErrors([]) }
    return broker
}

private func trigger(broker: String = "b", delivery: String? = nil, annotations: String = "{}") throws -> Trigger {
    let text = """
        {apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: t, annotations: \(annotations)},
         spec: {broker: \(broker), subscriber: {uri: http://localhost}, delivery: \(delivery ?? "null")}}
        """
    let resources = try Manifests.load([Manifests.Source(file: nil, text: text)]).resources
    guard case .trigger(let trigger)? = resources.first else { throw FieldErrors([]) }
    return trigger
}

private struct DeliveryVector: Decodable, Sendable {
    struct Expected: Decodable, Sendable {
        let retries: Int
        let policy: String
        let delayMilliseconds: Int64
        let timeoutMilliseconds: Int64?
        let sink: String?
    }
    let name: String
    let broker: String?
    let trigger: String?
    let expected: Expected
}

@Suite struct `The delivery in force` {
    @Test func `is the Trigger's whole, or the Broker's, or Knative's default`() throws {
        for vector in Specs.vectors("resources/delivery.yaml", as: DeliveryVector.self) {
            let delivery = effectiveDelivery(
                trigger: try trigger(delivery: vector.trigger), broker: try broker(delivery: vector.broker))
            #expect(delivery.retries == vector.expected.retries, "\(vector.name)")
            #expect(delivery.backoffPolicy.rawValue == vector.expected.policy, "\(vector.name)")
            #expect(delivery.backoffDelay == .milliseconds(vector.expected.delayMilliseconds), "\(vector.name)")
            #expect(delivery.timeout == vector.expected.timeoutMilliseconds.map { .milliseconds($0) }, "\(vector.name)")
            #expect(delivery.deadLetterSink?.uri == vector.expected.sink, "\(vector.name)")
        }
    }

    @Test func `does not need the Broker to be there`() throws {
        #expect(effectiveDelivery(trigger: try trigger(), broker: nil).retries == 10)
    }
}

@Suite struct `A status` {
    private let sink = Resolution.resolved(ResolvedDestination(url: "http://localhost"))

    @Test func `of a Ready Trigger is as Knative shows it`() throws {
        let facts = TriggerFacts(broker: .ready, subscriber: sink, subscription: .ready)
        let status = TriggerStatus.make(try trigger(), facts: facts, now: moment(5))
        #expect(
            status.conditions.list.map(\.type) == [
                "BrokerReady", "DeadLetterSinkResolved", "DependencyReady", "OIDCIdentityCreated", "Ready",
                "SubscriberResolved", "SubscriptionReady",
            ])
        #expect(status.conditions.isReady)
        #expect(status.conditions.summary == "7 OK / 7")
        #expect(status.conditions["DeadLetterSinkResolved"]?.reason == "DeadLetterSinkNotConfigured")
        #expect(status.subscriber?.url == "http://localhost")
    }

    @Test func `of a Trigger before its Broker says so, and moves only the times that changed (S101)`() throws {
        var trigger = try trigger(broker: "late")
        let missing = TriggerStatus.readiness(of: nil, named: "late")
        trigger.status = .make(
            trigger, facts: TriggerFacts(broker: missing, subscriber: sink, subscription: .ready), now: moment(5))
        #expect(trigger.status.conditions["Ready"]?.status == .no)
        #expect(trigger.status.conditions["Ready"]?.reason == "BrokerDoesNotExist")
        trigger.status = .make(
            trigger, facts: TriggerFacts(broker: .ready, subscriber: sink, subscription: .ready), now: moment(9))
        #expect(trigger.status.conditions["Ready"]?.status == .yes)
        #expect(trigger.status.conditions["Ready"]?.lastTransitionTime == moment(9))
        #expect(trigger.status.conditions["BrokerReady"]?.lastTransitionTime == moment(9))
        #expect(trigger.status.conditions["SubscriptionReady"]?.lastTransitionTime == moment(5))
    }

    @Test func `is False before Unknown, and not moved by what is only informational`() throws {
        let unknown = Readiness.unknown(reason: "SubscriptionNotConfigured", message: "not yet")
        let facts = TriggerFacts(broker: .ready, subscriber: .failed("no such"), subscription: unknown)
        let status = TriggerStatus.make(try trigger(), facts: facts, now: moment(1))
        #expect(status.conditions["Ready"]?.reason == "Unable to get the Subscriber's URI")
        #expect(status.subscriber == nil)
        let waiting = TriggerFacts(
            broker: .ready, subscriber: sink, subscription: unknown,
            informational: [Condition("Paused", .no, severity: .info, reason: "Paused")])
        let other = TriggerStatus.make(try trigger(), facts: waiting, now: moment(1))
        #expect(other.conditions["Ready"]?.status == .unknown)
    }

    @Test func `of a Broker follows from its address, its log and its sink`() throws {
        let plain = try broker()
        let status = BrokerStatus.make(plain, facts: BrokerFacts(url: "http://h/default/b"), now: moment(1))
        #expect(status.conditions.summary == "7 OK / 7")
        #expect(status.url == "http://h/default/b")
        let closed = BrokerStatus.make(plain, facts: BrokerFacts(url: nil), now: moment(1))
        #expect(closed.conditions["Ready"]?.reason == "NoAddress")
        let strange = BrokerFacts(url: "http://h", log: BrokerStatus.unknownClass("Rabbit", known: ["SQLite", "Memory"]))
        let unknown = BrokerStatus.make(plain, facts: strange, now: moment(1))
        #expect(
            unknown.conditions["Ready"]?.message == "The broker class Rabbit is not in this build, which knows Memory, SQLite.")
        let lost = BrokerStatus.make(plain, facts: BrokerFacts(url: "http://h", deadLetterSink: .failed("x")), now: moment(1))
        #expect(lost.conditions["Ready"]?.reason == "Unable to get the dead letter sink's URI")
        let configured = try broker(config: "{apiVersion: v1, kind: ConfigMap, name: c}")
        let unused = BrokerStatus.make(configured, facts: BrokerFacts(url: "http://h"), now: moment(1))
        #expect(unused.conditions.isReady && unused.conditions["ConfigUsed"]?.reason == "ConfigNotUsed")
    }

    @Test func `goes to a client and comes back`() throws {
        var broker = try broker()
        broker.metadata.generation = 3
        let facts = BrokerFacts(url: "http://h/default/b", deadLetterSink: sink)
        broker.status = BrokerStatus.make(broker, facts: facts, now: moment(1_795_257_000))
        #expect(try Resource(json: Array(Resource.broker(broker).document().json().utf8)) == .broker(broker))
        var trigger = try trigger()
        trigger.status = .make(
            trigger, facts: TriggerFacts(broker: .ready, subscriber: sink, deadLetterSink: sink, subscription: .ready),
            now: moment(1_795_257_000))
        #expect(try Resource(json: Array(Resource.trigger(trigger).document().json().utf8)) == .trigger(trigger))
    }

    @Test func `is what the columns show`() throws {
        var broker = try broker()
        broker.metadata.creationTimestamp = moment(100)
        broker.status = BrokerStatus.make(broker, facts: BrokerFacts(url: nil), now: moment(100))
        #expect(ResourceColumns.cells(of: .broker(broker), now: moment(145)) == ["b", "", "45s", "False", "NoAddress", "SQLite"])
        #expect(ResourceColumns.of(.broker(broker)).columns.map(\.name) == ["NAME", "URL", "AGE", "READY", "REASON", "CLASS"])
        #expect(ResourceColumns.cells(of: .trigger(try trigger()), now: moment(145)) == ["t", "b", "", "<unknown>", "", ""])
    }
}

@Suite struct `A change` {
    @Test func `may not touch what is immutable`() throws {
        let old = try broker(annotations: "{eventing.knative.dev/broker.class: Memory}")
        let errors = Resource.validateUpdate(old: .broker(old), new: .broker(try broker()))
        #expect(
            errors.map(\.description) == [
                "metadata.annotations[eventing.knative.dev/broker.class]: "
                    + "Immutable annotations changed (-old +new): -Memory +SQLite"
            ])
        let named = try broker(annotations: "{eventing.knative.dev/broker.class: MTChannelBasedBroker}")
        #expect(Broker.validateUpdate(old: named, new: try broker(delivery: "{retry: 1}")).isEmpty)
        let config = try broker(config: "{apiVersion: v1, kind: ConfigMap, name: c}")
        #expect(Broker.validateUpdate(old: config, new: try broker()).map(\.path) == ["spec.config"])
        #expect(
            Trigger.validateUpdate(old: try trigger(broker: "a"), new: try trigger(broker: "b")).map(\.path) == ["spec.broker"])
        #expect(Trigger.validateUpdate(old: try trigger(), new: try trigger(delivery: "{retry: 2}")).isEmpty)
    }
}

@Suite struct `Options` {
    @Test func `of a Trigger are read from its annotations`() throws {
        func options(_ annotations: String) throws -> TriggerOptions { try trigger(annotations: annotations).options }
        #expect(try options("{}") == TriggerOptions())
        #expect(try options("{apus.dev/start-from: earliest}").start == .earliest)
        #expect(try options("{apus.dev/start-from: '2:7'}").start == .position(lane: 2, offset: 7))
        #expect(try options("{apus.dev/start-from: '7'}").start == .position(lane: 0, offset: 7))
        #expect(try options("{apus.dev/start-from: '1970-01-01T00:00:09Z'}").start == .time(moment(9)))
        #expect(try options("{apus.dev/jitter: '0'}").jitter == 0)
        #expect(try options("{apus.dev/jitter: 25%}").jitter == 0.25)
        #expect(try options("{kafka.eventing.knative.dev/delivery.order: ordered}").order == .ordered(by: "partitionkey"))
        #expect(try options("{apus.dev/order-by: region}").order == .ordered(by: "region"))
        let rest = try options("{apus.dev/max-in-flight: '8', apus.dev/rate: '0.5', apus.dev/paused: 'true'}")
        #expect(rest.maxInFlight == 8 && rest.rate == 0.5 && rest.isPaused)
        for wrong in ["-1", "1:-2", "1:2:3", "a:1", "99999999999:1", "1:", ":1", "99999999999999999999"] {
            #expect(throws: FieldErrors.self, "\(wrong)") { _ = try options("{apus.dev/start-from: '\(wrong)'}") }
        }
    }

    @Test func `of a Broker are read from its annotations`() throws {
        let annotations =
            "{apus.dev/deduplication-window: PT10M, apus.dev/retention-age: P2D, apus.dev/retention-bytes: 2Ki, "
            + "apus.dev/retention-count: '5', apus.dev/retention-force: 'true'}"
        let options = try broker(annotations: annotations).options
        #expect(options.deduplicationWindow == .seconds(600))
        #expect(options.retentionAge == .seconds(172_800))
        #expect(options.retentionBytes == 2048 && options.retentionCount == 5 && options.retentionForce)
        #expect(try broker(annotations: "{eventing.knative.dev/broker.class: Kafka}").effectiveClass == "Kafka")
        #expect(try broker().effectiveClass == "SQLite")
    }
}

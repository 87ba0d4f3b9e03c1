import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import Specs
import Testing

@Suite struct `Knative's delivery table` {
    struct Spec: Decodable, Sendable {
        var deadLetterSink: String?
        var retry: Int32?
        var backoffPolicy: String?
        var backoffDelay: String?
        var timeout: String?

        var delivery: DeliverySpec {
            get throws {
                var spec = DeliverySpec()
                spec.deadLetterSink = deadLetterSink.map { DestinationSpec(uri: "http://\($0)") }
                spec.retry = retry
                spec.backoffPolicy = backoffPolicy.flatMap { DeliverySpec.BackoffPolicy(rawValue: $0) }
                spec.backoffDelay = try backoffDelay.map { try ISODuration($0) }
                spec.timeout = try timeout.map { try ISODuration($0) }
                return spec
            }
        }
    }

    struct Run: Decodable, Sendable {
        var name: String
        var delivery: Spec?
        var failures: Int
        /// 0 for no answer at all.
        var status: Int?
        var attempts: String
        var deadLetter: String?
        var code: Int?
        /// Dead letters that stay on the dead stream though no sink takes them.
        var kept: Int?
        /// From the first attempt to the last, without jitter.
        var seconds: Double?
    }

    struct Vector: Decodable, Sendable {
        var name: String
        var broker: Spec?
        var triggers: [Run]
    }

    @Test(arguments: Specs.vectors("delivery/scenarios.yaml", as: Vector.self)) func `holds`(vector: Vector) throws {
        let failures = Dictionary(uniqueKeysWithValues: vector.triggers.map { ("http://\($0.name)", $0) })
        let harness = DispatchHarness { attempt in
            guard let run = failures[attempt.destination], attempt.number <= run.failures else {
                return (.status(200), .milliseconds(1))
            }
            if run.status == 0 { return (.failed("no such host"), .milliseconds(1)) }
            return (.status(run.status ?? 500), .milliseconds(1))
        }
        try harness.start()
        let broker = try vector.broker.map { spec in
            Broker(metadata: ObjectMeta(name: "b"), spec: BrokerSpec(delivery: try spec.delivery))
        }
        for run in vector.triggers {
            let trigger = Trigger(
                metadata: ObjectMeta(name: run.name),
                spec: TriggerSpec(
                    broker: "b", subscriber: DestinationSpec(uri: "http://\(run.name)"), delivery: try run.delivery?.delivery))
            let effective = effectiveDelivery(trigger: trigger, broker: broker)
            var plan = try TriggerPlan.sample(run.name, to: "http://\(run.name)")
            plan.policy = DeliveryPolicy(effective, jitter: 0)
            plan.deadLetterPolicy = plan.policy
            plan.deadLetterSink = effective.deadLetterSink?.uri.map { Destination(url: $0) }
            try harness.apply(plan)
        }
        harness.send(["1"])
        harness.executor.runUntilIdle()
        for run in vector.triggers { try check(run, harness) }
        let sunk = Set(vector.triggers.compactMap(\.deadLetter).map { "http://\($0)" })
        let known = sunk.union(failures.keys)
        #expect(harness.sink.attempts.allSatisfy { known.contains($0.destination) })
    }

    private func check(_ run: Run, _ harness: DispatchHarness) throws {
        let attempts = harness.sink.attempts(at: "http://\(run.name)")
        #expect(attempts.map { $0.number <= run.failures ? "x" : "o" }.joined() == run.attempts)
        if let seconds = run.seconds, let first = attempts.first, let last = attempts.last {
            let elapsed = last.startedAt.seconds(since: first.startedAt)
            #expect(elapsed >= seconds && elapsed < seconds + 1)
        }
        let letters = harness.deadLetters.filter { $0.deadLetter?.trigger == run.name }
        #expect(letters.count == (run.deadLetter == nil ? run.kept ?? 0 : 1))
        guard let sink = run.deadLetter else { return }
        let fed = harness.sink.attempts(at: "http://\(sink)").filter {
            $0.delivery.added.contains { $0.name == "knativeerrordest" && $0.value.text == "http://\(run.name)" }
        }
        #expect(fed.count == 1)
        let added = fed.first?.delivery.added ?? []
        #expect(added.first { $0.name == "knativeerrorcode" }?.value.text == String(run.code ?? 500))
    }
}

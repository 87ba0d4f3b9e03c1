internal import ApusPorts
internal import ApusResources
internal import CloudEvents
internal import Testing

/// What every source promises, as sentences that are checked (the contract storey of the house plan).
///
/// Run on the kind's ``SourceKind/specimen``. A kind that cannot meet one says so in its ``SourceKind/waivers``.
package enum SourceContract {
    package struct Clause: Sendable, CustomTestStringConvertible {
        package let sentence: String
        package let check: @Sendable (SourceHarness, String) throws -> Void

        init(_ sentence: String, _ check: @escaping @Sendable (SourceHarness, String) throws -> Void) {
            self.sentence = sentence
            self.check = check
        }

        package var testDescription: String { sentence }
    }

    package static let clauses: [Clause] = [
        Clause("emits valid events, each with an id of its own") { harness, specimen in
            try harness.run(harness.resource(specimen), for: .seconds(60))
            let events = harness.emitter.events
            try #require(events.count > 1)
            for event in events {
                #expect(event.mode != .batched)
                try CloudEvent(attributes: event.attributes, data: event.body).validate()
            }
            #expect(Set(events.map(\.identity)).count == events.count)
        },
        Clause("emits what its schema says that it emits") { harness, specimen in
            let resource = try harness.resource(specimen)
            try harness.run(resource, for: .seconds(60))
            let said = harness.kind.schema.eventAttributes(resource)
            for event in harness.emitter.events {
                #expect(
                    said.contains {
                        $0.type == event.attributes.text(of: "type") && $0.source == event.attributes.text(of: "source")
                    })
            }
        },
        Clause("says that it is ready") { harness, specimen in
            try harness.run(harness.resource(specimen), for: .seconds(60))
            #expect(harness.reporter.readiness.last == .ready)
        },
        Clause("ends when it is cancelled, and not before") { harness, specimen in
            let failure = try harness.run(harness.resource(specimen), for: .seconds(60))
            #expect(failure == nil)
            let count = harness.emitter.events.count
            harness.executor.run(for: .seconds(60))
            #expect(harness.emitter.events.count == count)
        },
        Clause("ends when it is cancelled while its sink takes nothing") { harness, specimen in
            harness.emitter.setScript { _, _ in EmitFailure(.unavailable, message: "The sink is away.") }
            _ = try harness.run(harness.resource(specimen), for: .seconds(300))
            #expect(harness.emitter.calls > 1)
            #expect(harness.emitter.events.isEmpty)
        },
        Clause("says why its sink takes nothing, and goes on when that is over") { harness, specimen in
            let resource = try harness.resource(specimen)
            harness.emitter.setScript { call, _ in call <= 3 ? EmitFailure(.unavailable, message: "The sink is away.") : nil }
            // Whether it waits inside or is started anew is its own affair.
            for _ in 0..<10 where harness.emitter.events.isEmpty {
                let failure = try harness.run(resource, for: .seconds(120))
                #expect(
                    failure?.message.contains("The sink is away.") ?? true,
                    "what a person reads has the sink's own words")
            }
            #expect(!harness.emitter.events.isEmpty)
            #expect(harness.reporter.readiness.last == .ready)
        },
        Clause("does not lose the event that its sink did not take") { harness, specimen in
            let resource = try harness.resource(specimen)
            let other = SourceHarness(harness.kind)
            try other.run(other.resource(specimen), for: .seconds(60))
            harness.emitter.setScript { call, _ in call == 1 ? EmitFailure(.unavailable, message: "The sink is away.") : nil }
            for _ in 0..<10 where harness.emitter.events.isEmpty { try harness.run(resource, for: .seconds(60)) }
            #expect(harness.emitter.events.first?.identity == other.emitter.events.first?.identity)
        },
        Clause("buries what its sink refuses for good, and goes on") { harness, specimen in
            harness.emitter.setScript { call, _ in call == 1 ? EmitFailure(.refused(index: 0), message: "Too large.") : nil }
            let failure = try harness.run(harness.resource(specimen), for: .seconds(60))
            #expect(failure == nil)
            #expect(harness.emitter.buried.map(\.reason) == ["Too large."])
            #expect(!harness.emitter.events.isEmpty)
        },
        Clause("emits nothing a second time when it is started anew") { harness, specimen in
            let resource = try harness.resource(specimen)
            for _ in 0..<3 { try harness.run(resource, for: .seconds(30)) }
            let events = harness.emitter.events
            #expect(Set(events.map(\.identity)).count == events.count)
        },
        Clause("fails with the store's words where its progress cannot be kept") { harness, specimen in
            harness.progress.setFailure(.unavailable(reason: "disk is full"))
            let failure = try harness.run(harness.resource(specimen), for: .seconds(60))
            #expect(failure?.message.contains("disk is full") == true)
        },
    ]
}

extension SourceEvent {
    /// `source` and `id`: what names an event.
    fileprivate var identity: String {
        "\(attributes.text(of: "source") ?? "") \(attributes.text(of: "id") ?? "")"
    }
}

import ApusDispatch
package import ApusHistory
package import ApusIntake
package import ApusPorts
import ApusResources
package import CloudEvents

/// What is known of the events with one id.
package struct EventSearch: Sendable {
    /// A broker whose log was asked, and what it holds.
    package struct Place: Sendable {
        package var namespace: String
        package var broker: String
        package var bounds: StreamBounds
        /// Why the log could not be asked; nil where it was.
        package var problem: String?
    }

    /// Where events with the id stand, the newest last.
    package struct Hit: Sendable {
        package var history: BrokerHistory
        package var position: Position
    }

    package var places: [Place] = []
    package var hits: [Hit] = []
    /// Of the newest hits, at most ``Limits/passportsMax``.
    package var passports: [Passport] = []
    package var refusals: [RefusedMessage] = []
    /// From when on refusals are remembered.
    package var refusalsSince: Timestamp
}

extension Controller {
    /// What a passport of this broker has to know beside its log; nil where there is no such broker, or its log is not open.
    package func passportFacts(namespace: String, broker name: String) async -> PassportFacts? {
        let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: name)
        guard case .broker(let broker)? = resources[identity], let service = services[identity] else { return nil }
        let resolver = resolver, wanted = triggers(of: broker), failures = triggerFailures
        let dispatcher = service.dispatcher
        let progress = await dispatcher.progress().filter { $0.stream == .events }
        let byName = Dictionary(progress.map { ($0.trigger, $0) }) { first, _ in first }
        let facts = wanted.compactMap { trigger -> PassportTrigger? in
            let planned = PlannedTrigger(trigger, broker: broker, resolver: resolver)
            guard let filter = try? trigger.compiledFilter() else { return nil }
            let known = byName[trigger.metadata.name]
            return PassportTrigger(
                trigger: trigger, filter: filter, attemptsMax: planned.delivery.retries + 1, subscriber: planned.subscriber,
                deadLetterSink: planned.deadLetterSink, next: known?.next,
                stopped: known?.stopped,
                problem: failures[trigger.identity])
        }
        return PassportFacts(
            triggers: facts, unstored: { stream, offset in await dispatcher.unstoredTraces(of: offset, stream: stream) },
            standing: { offset, trigger in await dispatcher.standing(of: offset, trigger: trigger) })
    }

    /// Looks for events by their id, in all brokers' logs or in those of one namespace or name, and at the door.
    package func search(id: String, namespace: String?, broker: String?) async -> EventSearch {
        var search = EventSearch(
            refusals: intake.refusals.refusals(ofID: id, namespace: namespace, broker: broker),
            refusalsSince: intake.refusals.since)
        let asked = brokers.map(\.identity).filter {
            (namespace == nil || $0.namespace == namespace) && (broker == nil || $0.name == broker)
        }
        for identity in asked {
            guard let history = history(namespace: identity.namespace, broker: identity.name) else { continue }
            var place = EventSearch.Place(
                namespace: identity.namespace, broker: identity.name, bounds: history.bounds(of: .events))
            do throws(HistoryError) {
                let found = try await history.positions(ofID: id, limit: Limits.passportPositionsMax)
                search.hits += found.map { EventSearch.Hit(history: history, position: $0) }
            } catch {
                place.problem = error.sentence
            }
            search.places.append(place)
        }
        for hit in search.hits.suffix(Limits.passportsMax) {
            // One that is trimmed or damaged is still among the hits.
            guard let facts = await passportFacts(namespace: hit.history.namespace, broker: hit.history.broker),
                case .found(let record)? = try? await hit.history.record(at: hit.position),
                let passport = try? await hit.history.passport(of: record, facts: facts)
            else { continue }
            search.passports.append(passport)
        }
        return search
    }
}

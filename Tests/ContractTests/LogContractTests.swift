import ApusPorts
import ApusRegistry
import ApusResources
import ApusTesting
import Specs
import Testing

/// A backend of the registry, by its class.
struct ListedBackend: Sendable, CustomTestStringConvertible {
    let type: any LogBackend.Type

    var testDescription: String { type.brokerClass }
    static var all: [ListedBackend] { Registry.backends.map { ListedBackend(type: $0) } }
}

@Suite(.timeLimit(.minutes(5))) struct `Every log` {
    @Test(arguments: ListedBackend.all, EventLogContract.clauses)
    func `keeps the contract`(backend: ListedBackend, clause: EventLogContract.Clause) async throws {
        if let reason = backend.type.waivers[clause.sentence] {
            Specs.skipped("\(backend.type.brokerClass) waives a clause", "\(clause.sentence): \(reason)")
            try Test.cancel("\(backend.type.brokerClass) waives this: \(reason)")
        }
        try await clause.check(LogHarness(backend.type))
    }

    @Test(arguments: ListedBackend.all)
    func `waives no clause that is not there`(backend: ListedBackend) {
        let sentences = Set(EventLogContract.clauses.map(\.sentence))
        #expect(Set(backend.type.waivers.keys).subtracting(sentences).isEmpty)
    }

    @Test func `says each clause once`() {
        let sentences = EventLogContract.clauses.map(\.sentence)
        #expect(Set(sentences).count == sentences.count)
    }
}

@Suite struct `The registry` {
    @Test func `lists each class once, and first the default of a Broker that names none`() {
        let classes = Registry.backends.map { $0.brokerClass }
        #expect(Set(classes).count == classes.count)
        #expect(classes.first == Broker.defaultClass)
    }
}

import ApusResources
import CloudEvents
import Specs
import Testing

private struct PointVector: Decodable, Sendable {
    let text: String
    let point: String?
}

private struct FilterVector: Decodable, Sendable {
    let texts: [String]
    let filters: String?
}

private struct UpdateVector: Decodable, Sendable {
    let name: String
    let old: String
    let new: String
    let errors: [[String]]?
}

private let now = Timestamp(nanoseconds: 1_795_257_000_000_000_000)

/// A Replay of the broker `b`, unless the spec names another.
private func replay(_ spec: String = "{}", status: String = "{}") throws -> Replay {
    let place = spec.contains("broker:") ? spec : spec.replacing("{", with: "{broker: b, ", maxReplacements: 1)
    let text = """
        {apiVersion: apus.dev/v1alpha1, kind: Replay, metadata: {name: r, generation: 3}, spec: \(place), status: \(status)}
        """
    let resources = try Manifests.load([Manifests.Source(file: nil, text: text)]).resources
    guard case .replay(let replay)? = resources.first else { throw FieldErrors([]) }
    return replay
}

@Suite struct `A point of a log` {
    @Test func `is read from what a person writes, or refused`() throws {
        let midnight = try #require(MomentText.moment("2026-11-20T23:00:00Z"))
        for vector in Specs.vectors("resources/log-points.yaml", as: PointVector.self) {
            let point = LogPoint(vector.text, now: now, midnight: midnight)
            #expect(point?.text == vector.point, "\(vector.text)")
        }
    }

    @Test func `is read back from its text, whatever the clock says`() {
        let later = Timestamp(nanoseconds: 0)
        for vector in Specs.vectors("resources/log-points.yaml", as: PointVector.self) {
            guard let text = vector.point else { continue }
            #expect(LogPoint(text, now: later, midnight: later)?.text == text)
        }
    }

    @Test func `of a Replay begins its days in UTC`() throws {
        let points = try #require(try replay("{from: yesterday, until: -30m}").spec.points(now: now))
        #expect(points.from.text == "2026-11-20T00:00:00Z")
        #expect(points.until.text == "2026-11-21T10:00:00Z")
    }
}

@Suite struct `The text of a filter` {
    @Test func `is an attribute and its value, or an expression`() {
        for vector in Specs.vectors("resources/filter-texts.yaml", as: FilterVector.self) {
            let filters = try? FilterText.filters(vector.texts)
            #expect(filters.map { DocumentNode.sequence($0).json() } == vector.filters, "\(vector.texts)")
        }
    }
}

@Suite struct `A name that the node makes` {
    private func document(_ metadata: String) throws -> DocumentNode {
        try JSONReader.document(Array(#"{"kind":"Replay","metadata":\#(metadata),"spec":{}}"#.utf8))
    }

    @Test func `begins as it was asked for, and is another for another seed`() throws {
        let asked = try document(#"{"generateName":"again-","labels":{"a":"b"}}"#)
        let names = try [0, 1, UInt64.max].map { seed in
            let named = try #require(GeneratedName.naming(asked, seed: seed))
            #expect(named["metadata"]?["labels"] == asked["metadata"]?["labels"])
            return named["metadata"]?["name"]?.text ?? ""
        }
        #expect(names == ["again-bbbbb", "again-cbbbb", "again-\(names[2].suffix(5))"])
        #expect(names[2].utf8.count == 11 && names[2] != names[0])
    }

    @Test func `is not made where there is one, or where nobody asked`() throws {
        for metadata in [#"{"name":"a","generateName":"b-"}"#, "{}", #"{"generateName":""}"#, #"{"generateName":5}"#, "[]"] {
            #expect(GeneratedName.naming(try document(metadata), seed: 1) == nil, "\(metadata)")
        }
    }
}

@Suite struct `A Replay` {
    @Test func `changes its pace and is stopped, and nothing else of it changes`() throws {
        for vector in Specs.vectors("resources/replay/updates.yaml", as: UpdateVector.self) {
            let (old, new) = (try replay(vector.old), try replay(vector.new))
            let errors = Resource.validateUpdate(old: .replay(old), new: .replay(new))
            let expected = vector.errors ?? []
            #expect(errors.map(\.path) == expected.map { $0[0] }, "\(vector.name)")
            for (error, wanted) in zip(errors, expected) { #expect(error.message.contains(wanted[1]), "\(vector.name)") }
        }
    }

    @Test func `goes to all triggers unless it says where`() throws {
        #expect(try replay().spec.target == .allTriggers)
        #expect(try replay("{trigger: t}").spec.target == .trigger("t"))
        #expect(try replay("{deadLetters: {}}").spec.target == .deadLetters(.init()))
        let spec = try replay("{deadLetters: {positions: ['0:12', '13']}}").spec
        guard case .deadLetters(let letters) = spec.target else { throw FieldErrors([]) }
        #expect(letters.offsets == [12, 13])
    }

    @Test func `tries its sink again as Knative's default says, or as it says itself`() throws {
        #expect(try replay("{sink: {uri: 'http://a/'}}").spec.effectiveDelivery.retries == 10)
        #expect(try replay("{sink: {uri: 'http://a/'}, delivery: {retry: 2}}").spec.effectiveDelivery.retries == 2)
    }

    @Test func `warns of what its filter is not likely to mean`() throws {
        let warnings = try replay("{filters: [{cesql: \"a = 'x' OR b = 'y' AND c = 'z'\"}]}").filterWarnings
        #expect(warnings.map(\.path) == ["spec.filters[0].cesql"])
    }

    @Test func `shows in columns where it goes and how far it is`() throws {
        func cells(_ spec: String, _ status: String) throws -> [String] {
            let resource = Resource.replay(try replay(spec, status: status))
            let cells = ResourceColumns.cells(of: resource, now: now)
            #expect(cells.count == ResourceColumns.of(resource).columns.count)
            return Array(cells[1...4])
        }
        let range = "from: '0:100', until: '0:300', position: '0:150'"
        #expect(try cells("{}", "{}") == ["b", "all triggers", "", ""])
        #expect(try cells("{trigger: t}", "{state: running, \(range)}") == ["b", "trigger t", "running", "25%"])
        #expect(
            try cells("{deadLetters: {trigger: t}}", "{state: paused, \(range), counted: 40, delivered: 7}")
                == ["b", "dead letters of t", "paused", "7/40"])
        #expect(try cells("{sink: {uri: 'http://a/'}}", "{state: completed}") == ["b", "http://a/", "completed", "100%"])
        let ref = "{sink: {ref: {apiVersion: v1, kind: Service, name: s}}}"
        #expect(try cells(ref, "{sinkUri: 'http://s/'}") == ["b", "http://s/", "", ""])
        #expect(try cells(ref, "{}") == ["b", "Service s", "", ""])
    }
}

@Suite struct `The status of a Replay` {
    private func status(
        _ state: ReplayState, _ facts: (inout ReplayFacts) -> Void = { _ in }
    ) throws -> ReplayStatus {
        var all = ReplayFacts(progress: ReplayStatus(state: state, message: "Why."))
        facts(&all)
        return ReplayStatus.make(try replay(), facts: all, now: now)
    }

    @Test(arguments: ReplayState.allCases)
    func `says what came of it`(state: ReplayState) throws {
        let status = try status(state), condition = try #require(status.conditions["Succeeded"])
        switch state {
        case .completed: #expect(condition.status == .yes && condition.reason.isEmpty)
        case .failed: #expect(condition.status == .no && condition.reason == "Failed" && condition.message == "Why.")
        case .cancelled: #expect(condition.status == .no && condition.reason == "Cancelled")
        case .pending, .running, .paused: #expect(condition.status == .unknown && !condition.reason.isEmpty)
        }
        #expect(status.conditions.isReady)
        #expect(status.observedGeneration == 3)
        #expect(state.isOver == (condition.status != .unknown))
    }

    @Test func `is not Ready where it cannot run`() throws {
        let noBroker = try status(.pending) { $0.broker = TriggerStatus.readiness(of: nil, named: "b") }
        #expect(noBroker.conditions["Ready"]?.reason == Reason.brokerDoesNotExist)
        let noSink = try status(.pending) { $0.sink = .failed("There is no Service s.") }
        #expect(noSink.conditions["Ready"]?.message == "There is no Service s.")
        #expect(noSink.conditions["TargetResolved"]?.status == .no)
        let noTrigger = try status(.pending) { $0.target = .notReady(reason: "TriggerDoesNotExist", message: "x") }
        #expect(noTrigger.conditions["Ready"]?.reason == "TriggerDoesNotExist")
    }

    @Test func `tells how much is over`() {
        func fraction(
            _ state: ReplayState = .running, counted: Int64? = nil, delivered: Int64 = 0, failed: Int64 = 0,
            position: String? = nil
        ) -> Double? {
            ReplayStatus(
                state: state, from: "0:100", until: "0:300", position: position, counted: counted, delivered: delivered,
                failed: failed
            ).fraction
        }
        #expect(fraction() == nil)
        #expect(fraction(position: "0:100") == 0)
        #expect(fraction(position: "0:250") == 0.75)
        #expect(fraction(counted: 8, delivered: 3, failed: 1, position: "0:250") == 0.5)
        #expect(fraction(counted: 8, delivered: 30) == 1)
        #expect(fraction(counted: 0) == nil)
        #expect(fraction(.completed, counted: 0) == 1)
        #expect(fraction(delivered: .max, failed: 1) == nil)
    }
}

private struct PatchVector: Decodable, Sendable {
    let document: String
    let patch: String
    let result: String
}

@Suite struct `A merge patch` {
    @Test func `changes a document as RFC 7396 says`() throws {
        for vector in Specs.vectors("resources/merge-patches.yaml", as: PatchVector.self) {
            let document = try JSONReader.document(Array(vector.document.utf8))
            let result = document.merging(try JSONReader.document(Array(vector.patch.utf8)))
            let expected = try JSONReader.document(Array(vector.result.utf8)).json()
            #expect(result.json().utf8.elementsEqual(expected.utf8), "\(vector.document) \(vector.patch)")
        }
    }
}

internal import CloudEvents

/// What an event must have to pass a filter: one of these tests must hold. It may hold for events that do not pass; it is what an
/// index can look up.
struct Requirement: Sendable {
    /// Above this many tests a requirement is not worth a place in the index for each; nor are several requirements, one below
    /// the other, whose tests multiply to more.
    static let testsMax = 1024

    let anyOf: [AttributeTest]

    /// Requirements that every event meets, or that have too many tests, are none.
    init?(_ tests: [AttributeTest]) {
        let isAlwaysMet = tests.contains { $0.relation == .present && Self.alwaysPresent.contains($0.name.description) }
        guard !isAlwaysMet, tests.count <= Self.testsMax else { return nil }
        anyOf = tests
    }

    private static let alwaysPresent: Set<String> = ["id", "source", "specversion", "type"]

    /// How few events can be expected to meet it, smallest first.
    private var breadth: Int {
        anyOf.reduce(0) { sum, test in
            switch test.relation {
            case .equal: sum + 1
            case .prefix, .suffix: sum + 16
            case .present: sum + 256
            }
        }
    }

    /// The requirement of alternatives, each with its own: the narrowest of each, together. None where one alternative has none.
    static func either(_ alternatives: [[Requirement]]) -> [Requirement] {
        var tests: [AttributeTest] = []
        for requirements in alternatives {
            guard let narrowest = requirements.min(by: { $0.breadth < $1.breadth }) else { return [] }
            tests += narrowest.anyOf
        }
        return Requirement(tests).map { [$0] } ?? []
    }
}

extension FilterCompiler {
    /// What an event must have for an expression, once checked, to come out as wanted.
    func requirements(of expression: FilterExpression, wanted: Bool = true) -> [Requirement] {
        switch expression {
        case .exact(let list): wanted ? list.compactMap { Requirement([AttributeTest($0, .equal)]) } : []
        case .prefix(let list): wanted ? list.compactMap { Requirement([AttributeTest($0, .prefix)]) } : []
        case .suffix(let list): wanted ? list.compactMap { Requirement([AttributeTest($0, .suffix)]) } : []
        case .attributes(let list):
            wanted ? list.compactMap { Requirement([AttributeTest($0, $0.value.isEmpty ? .present : .equal)]) } : []
        case .not(let child): requirements(of: child, wanted: !wanted)
        case .all(let children): requirements(of: children, everyOne: wanted, wanted: wanted)
        case .any(let children): requirements(of: children, everyOne: !wanted, wanted: wanted)
        case .cesql(let text): wanted ? parsed[Array(text.utf8)]?.program.requirements() ?? [] : []
        }
    }

    private func requirements(of children: [FilterExpression], everyOne: Bool, wanted: Bool) -> [Requirement] {
        let each = children.map { requirements(of: $0, wanted: wanted) }
        return everyOne ? each.flatMap { $0 } : Requirement.either(each)
    }
}

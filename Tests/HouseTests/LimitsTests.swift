import ApusPorts
import Testing

/// Law 5: every limit is a named constant with its unit in its name, and `apus explain limits` shows it.
@Suite struct `The limits` {
    /// The constants as the sources declare them; the table is written by hand.
    private static let declared: [String] = Repository.text("Sources/ApusPorts/Limits.swift").split(separator: "\n").compactMap {
        $0.firstMatch(of: #/^ {4}public static let (\w+)(?:: \w+)? = /#).map { String($0.output.1) }
    }

    @Test func `are all in the table, in the order of the constants`() {
        #expect(Self.declared.count > 40, "the constants were not found")
        #expect(Limits.table.map(\.name) == Self.declared)
    }

    @Test func `say their unit in their name`() {
        for limit in Limits.table {
            #expect(
                limit.name.lowercased().contains(limit.unit) || limit.name == "jsonNestingMax", "\(limit.name): \(limit.unit)")
            #expect(Int64(limit.value).map { $0 > 0 } == true, "\(limit.name) is \(limit.value)")
        }
    }

    /// Bounds that rooms keep start as ``Limits`` has them: a number there would be a limit that nobody is shown.
    @Test(arguments: [
        "Sources/ApusServer/DataPlane/DataPlaneLimits.swift", "Sources/ApusIntake/IntakeLimits.swift",
        "Sources/ApusDispatch/DispatchBounds.swift",
    ])
    func `are the only numbers that bounds begin with`(path: String) {
        let source = Repository.sources.first { $0.path == path }
        let begins = source?.codeLines.map { String(decoding: $0, as: UTF8.self) }.filter { $0.contains("package var") } ?? []
        #expect(begins.count > 3, "\(path) was not found")
        for line in begins { #expect(line.firstMatch(of: #/= \d/#) == nil, "\(path): \(line) stands in Limits") }
    }
}

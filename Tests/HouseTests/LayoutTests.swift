import Testing

/// How the checkout is laid out: house.md, "Rooms".
@Suite struct `The layout` {
    private static let topLevel: Set = [
        "Package.swift", "Package.resolved", "Sources", "Tests", "brokers", "sources", "specs", "README.md", "LICENSE",
        "CHANGELOG.md",
        "Makefile", "docs", "scripts", "Benchmarks",
    ]

    /// Every room there may be. A new one is an entry here and in ``Rooms``, and a decision.
    private static let rooms: Set = [
        "CloudEvents", "EventFilters", "ApusResources", "ApusPorts", "ApusIntake", "ApusDispatch", "ApusDelivery", "ApusControl",
        "ApusServer", "ApusClient", "ApusHTTP", "ApusHistory", "ApusTelemetry", "ApusRegistry", "ApusTesting", "KafkaClient",
        "CRDKafka",
        "NATSClient",
        "CNATS", "CSQLite", "apus",
    ]

    private func components(_ path: String) -> [String] { path.split(separator: "/").map(String.init) }

    @Test func `has only what is given at the top`() {
        let tops = Set(Repository.paths.map { components($0)[0] }).filter { !$0.hasPrefix(".") }
        #expect(tops.contains("Package.swift"), "the checkout was not found")
        expectNone(
            tops.subtracting(Self.topLevel).sorted().map {
                Finding(
                    path: $0,
                    advice: "the top level is given; put it below one of \(Self.topLevel.sorted().joined(separator: ", "))")
            })
    }

    @Test func `keeps no two paths that are one on a file system without case`() {
        var spellings: [String: Set<String>] = [:]
        for path in Repository.paths {
            let parts = components(path)
            for depth in parts.indices.dropFirst() {
                let prefix = parts[...depth].joined(separator: "/")
                spellings[prefix.lowercased(), default: []].insert(prefix)
            }
        }
        expectNone(
            spellings.values.filter { $0.count > 1 }.map {
                Finding(
                    path: $0.sorted().joined(separator: ", "), advice: "these are one path where case does not count: rename one")
            })
    }

    @Test func `knows every room`() {
        let found = Set(Repository.paths.map(components).filter { $0[0] == "Sources" && $0.count > 1 }.map { $0[1] })
        #expect(!found.isEmpty)
        expectNone(
            found.subtracting(Self.rooms).sorted().map {
                Finding(
                    path: "Sources/\($0)",
                    advice: "a new room: name it in house tests with what it may import, and say why in docs/decisions")
            })
    }

    @Test func `names kinds of brokers and sources in lowercase`() {
        for folder in ["brokers", "sources"] {
            let kinds = Set(Repository.paths.map(components).filter { $0[0] == folder && $0.count > 2 }.map { $0[1] })
            expectNone(
                kinds.filter { $0 != $0.lowercased() }.map {
                    Finding(path: "\(folder)/\($0)", advice: "a kind's folder is its name in lowercase")
                })
        }
    }

    @Test func `names every folder of specs in its README`() {
        let readme = Repository.text("specs/README.md")
        let folders = Set(Repository.paths.map(components).filter { $0[0] == "specs" && $0.count > 2 }.map { $0[1] })
        #expect(folders.contains("examples"))
        expectNone(
            folders.sorted().filter { !readme.contains("`\($0)/`") }.map {
                Finding(
                    path: "specs/\($0)",
                    advice: "add a line on `\($0)/` to specs/README.md: what is promised there, and its fields")
            })
    }

    @Test func `numbers its decisions`() {
        let decisions = Repository.paths.filter {
            $0.hasPrefix("docs/decisions/") && $0.hasSuffix(".md") && !$0.hasSuffix("/README.md")
        }
        let names = decisions.map { components($0)[2] }.sorted()
        for (index, name) in names.enumerated() {
            let digits = String(index + 1)
            let number = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            #expect(
                name.hasPrefix("\(number)-"), "docs/decisions/\(name): decisions are numbered without gaps, this is \(number)-")
        }
    }
}

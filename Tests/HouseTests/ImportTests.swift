import Testing

/// The arrows between rooms: house.md, "Arrows". The build keeps the declared ones; these tests keep the declarations.
@Suite struct `The imports` {
    private static let sources = Repository.sources.filter { !$0.path.hasPrefix("Benchmarks/") && $0.path != "Package.swift" }

    @Test func `follow the arrows`() {
        #expect(!Self.sources.isEmpty)
        for source in Self.sources {
            guard let allowed = Rooms.allowed(source.room) else {
                Issue.record("\(source.path): a room that Rooms.swift does not know: say there what it may import")
                continue
            }
            expectNone(
                source.imports.filter { Rooms.isOurs($0.module) && !allowed.contains($0.module) }.map {
                    Finding(
                        path: source.path, line: $0.line,
                        advice:
                            "\(source.room) may not import \($0.module), only \(allowed.sorted().joined(separator: ", "))"
                    )
                })
        }
    }

    @Test func `leave each library to the rooms that own it`() {
        for source in Self.sources {
            for (module, line) in source.imports {
                guard let owner = Rooms.owners.first(where: { module.hasPrefix($0.library) }) else { continue }
                if !owner.rooms.contains(source.room) {
                    Issue.record("\(source.path):\(line): \(module) belongs to \(owner.rooms.sorted().joined(separator: ", "))")
                }
            }
        }
    }

    @Test func `name no library that nobody owns`() {
        for source in Self.sources {
            for (module, line) in source.imports {
                let known =
                    Rooms.isOurs(module) || Rooms.toolchain.contains(module) || module.hasPrefix("Foundation")
                    || (module == "Testing" && (source.room.hasPrefix("Tests/") || source.room == "Sources/ApusTesting"))
                    || Rooms.owners.contains { module.hasPrefix($0.library) }
                if !known {
                    Issue.record("\(source.path):\(line): nobody owns \(module): say who does in Rooms.swift and docs/decisions")
                }
            }
        }
    }

    /// Resources are documents and no events: their store may use Foundation.
    @Test func `keep Foundation off an event's way`() {
        for source in Self.sources where Rooms.withoutFoundation.contains(source.room) {
            if source.room == "brokers/sqlite", source.path.contains("Resource") { continue }
            expectNone(
                source.imports.filter { $0.module.hasPrefix("Foundation") }.map {
                    Finding(
                        path: source.path, line: $0.line,
                        advice: "no Foundation on an event's way: bytes, Span, and our own parsers")
                })
        }
    }
}

import ApusRegistry
import ApusResources
import Foundation
import Specs
import Testing

/// `specs/resources/KIND/valid/NAME.yaml` and what it becomes (`NAME.expected`, as `apus get -o yaml` would print it), and
/// `…/invalid/NAME.yaml` and every error that it has, a line each. `APUS_RECORD=1` writes the expectations anew, to be read.
@Suite struct `A manifest` {
    private static let isRecording = ProcessInfo.processInfo.environment["APUS_RECORD"] == "1"

    /// The folders of kinds that have such manifests: a kind of source brings its own.
    private static func folders(_ name: String) -> [String] {
        let files = Specs.files(below: "resources", endings: ["yaml"])
        let kinds = Set(files.map { $0.deletingLastPathComponent() }.filter { $0.lastPathComponent == name })
        return kinds.map { "\($0.deletingLastPathComponent().lastPathComponent)/\(name)" }.sorted()
    }

    /// Which kinds of sources a build has is no matter of the manifests that are about all kinds.
    private func catalog(of file: URL) -> SourceCatalog {
        file.path.contains("/manifests/") ? .none : Registry.catalog
    }

    private func files(_ path: String) -> [URL] {
        let files = Specs.files(below: "resources/\(path)", endings: ["yaml"])
        Specs.count(files.count, in: "specs/resources/\(path)")
        return files
    }

    private func load(_ file: URL) throws -> String {
        let source = Manifests.Source(file: file.lastPathComponent, bytes: Array(try Data(contentsOf: file)))
        do {
            return try Manifests.load([source], catalog: catalog(of: file)).resources.map { $0.document().yaml() }.joined(
                separator: "---\n")
        } catch {
            return "\(error)\n"
        }
    }

    private func compare(_ file: URL) throws {
        let result = try load(file)
        let expectation = file.deletingPathExtension().appendingPathExtension("expected")
        if Self.isRecording { try Data(result.utf8).write(to: expectation) }
        let expected = try String(contentsOf: expectation, encoding: .utf8)
        #expect(result == expected, "\(file.lastPathComponent)")
    }

    @Test(arguments: folders("valid"))
    func `that is right becomes what was meant, with its defaults`(path: String) throws {
        let files = files(path)
        #expect(!files.isEmpty)
        for file in files {
            try compare(file)
            let text = try load(file)
            #expect(!text.hasPrefix("\(file.lastPathComponent):"), "\(text)")
        }
    }

    @Test(arguments: folders("invalid"))
    func `that is wrong is refused with all its errors and their lines`(path: String) throws {
        let files = files(path)
        #expect(!files.isEmpty)
        for file in files {
            try compare(file)
            let text = try load(file)
            let lines = text.split(separator: "\n")
            #expect(!lines.isEmpty && lines.allSatisfy { $0.hasPrefix(file.lastPathComponent) }, "\(file.lastPathComponent)")
        }
    }

    @Test func `that is right comes back the same from what it was written as`() throws {
        for file in Specs.files(below: "resources", endings: ["yaml"]) where file.path.contains("/valid/") {
            let source = Manifests.Source(file: nil, bytes: Array(try Data(contentsOf: file)))
            let catalog = catalog(of: file)
            for resource in try Manifests.load([source], catalog: catalog).resources {
                for text in [resource.document().json(), resource.document().json(pretty: true)] {
                    #expect(try Resource(json: Array(text.utf8), catalog: catalog) == resource, "\(file.lastPathComponent)")
                }
                let yaml = Manifests.Source(file: nil, text: resource.document().yaml())
                #expect(try Manifests.load([yaml], catalog: catalog).resources == [resource], "\(file.lastPathComponent)")
            }
        }
    }
}

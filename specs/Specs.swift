public import Foundation
private import Yams

/// The promises as data: where they stand, and how a test reads them.
public enum Specs {
    /// `specs/` of this checkout.
    public static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    /// `../shared/vectors` beside the checkout, or nil where there is none.
    public static let sharedVectors: URL? = {
        let url = directory.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/vectors")
        return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }()

    /// A file of vectors: `{name: …, tests: [...]}` in YAML or JSON.
    public struct File<Vector: Decodable & Sendable>: Decodable, Sendable {
        public var name: String
        public var tests: [Vector]
    }

    /// The vectors of one file below `specs/`, e.g. `cloudevents/http-binary.yaml`. Says in the test's output how many there are.
    public static func vectors<Vector: Decodable & Sendable>(_ path: String, as type: Vector.Type = Vector.self) -> [Vector] {
        let url = directory.appendingPathComponent(path)
        do {
            let file = try YAMLDecoder().decode(File<Vector>.self, from: Data(contentsOf: url))
            count(file.tests.count, in: "specs/\(path)")
            return file.tests
        } catch {
            fatalError("specs/\(path) cannot be read: \(error)")
        }
    }

    /// The documents of a YAML file outside `specs/`, such as the shared vectors, separated by `---`.
    public static func documents<Document: Decodable>(at url: URL, as type: Document.Type = Document.self) throws -> [Document] {
        let text = try String(contentsOf: url, encoding: .utf8)
        return try Yams.compose_all(yaml: text).map { try YAMLDecoder().decode(Document.self, from: $0) }
    }

    /// Every file with one of these endings below a folder of `specs/`, sorted by path.
    public static func files(below path: String, endings: [String] = ["yaml", "yml", "json"]) -> [URL] {
        let root = directory.appendingPathComponent(path)
        let names = (FileManager.default.enumerator(atPath: root.path)?.allObjects as? [String]) ?? []
        return names.filter { name in endings.contains { name.hasSuffix(".\($0)") } }.sorted().map(root.appendingPathComponent)
    }

    /// Prints one line that `make test` lists at its end: a vector of others that a promise decides otherwise.
    public static func overridden(_ vector: String, _ reason: String) { print("overridden: \(vector): \(reason)") }

    /// Prints one line that `make test` counts and lists at its end: what is not run, and why. The runner tells of whole tests
    /// that are cancelled, and not of one of a test's cases.
    public static func skipped(_ what: String, _ reason: String) { print("skipped: \(what): \(reason)") }

    /// Prints one line that `make test` sums up at its end.
    public static func count(_ number: Int, in place: String) { print("vectors: \(place) \(number)") }
}

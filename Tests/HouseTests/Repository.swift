import Foundation
import Specs
import Testing

/// The checkout as these tests see it: what git tracks or would track, and its Swift sources, read once.
enum Repository {
    static let root = Specs.directory.deletingLastPathComponent()

    /// Paths relative to the root: tracked or new, never ignored, and there.
    static let paths: [String] = {
        let listed = gitPaths() ?? walkedPaths()
        return listed.filter { FileManager.default.fileExists(atPath: root.appendingPathComponent($0).path) }.sorted()
    }()

    static let sources: [SwiftSource] = paths.filter { $0.hasSuffix(".swift") }.map { SwiftSource(path: $0, bytes: bytes($0)) }

    /// Files that people write and read, by ending or name; nothing binary.
    static let texts: [String] = paths.filter { path in
        let endings = [".swift", ".md", ".yaml", ".yml", ".json", ".c", ".h", ".lua", ".sh", ".modulemap", ".txt"]
        return endings.contains { path.hasSuffix($0) } || path == "Makefile" || path.hasPrefix("scripts/")
            || path.hasPrefix(".ci/")
            || path == "Benchmarks/run"
    }

    static func bytes(_ path: String) -> [UInt8] {
        (try? [UInt8](Data(contentsOf: root.appendingPathComponent(path)))) ?? []
    }

    static func text(_ path: String) -> String { String(decoding: bytes(path), as: UTF8.self) }

    private static func gitPaths() -> [String]? {
        let git = Process()
        let output = Pipe()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "-C", root.path, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        guard (try? git.run()) != nil else { return nil }
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        git.waitUntilExit()
        guard git.terminationStatus == 0, !bytes.isEmpty else { return nil }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A checkout without git, e.g. an unpacked archive.
    private static func walkedPaths() -> [String] {
        let all = (FileManager.default.enumerator(atPath: root.path)?.allObjects as? [String]) ?? []
        return all.filter { path in
            var isDirectory: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path, isDirectory: &isDirectory)
            return !isDirectory.boolValue && !path.hasPrefix(".build/") && !path.hasPrefix(".git/") && !path.hasPrefix("data/")
                && !path.contains("/.build/")
        }
    }
}

/// Something that is not as the house has it: where, and what to do instead.
struct Finding: CustomStringConvertible {
    var path: String
    var line: Int?
    var advice: String

    var description: String { "\(path)\(line.map { ":\($0)" } ?? ""): \(advice)" }
}

/// Fails once for each finding, so that all of them are seen in one run.
func expectNone(_ findings: [Finding]) {
    for finding in findings { Issue.record("\(finding)") }
}

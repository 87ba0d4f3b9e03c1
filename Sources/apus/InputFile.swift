import ApusControl
import ApusRegistry
import ApusResources
import ArgumentParser
import CloudEvents
import Foundation

/// A file that a command was named, or standard input for `-`.
enum InputFile {
    static func name(of path: String) -> String { path == "-" ? "standard input" : path }

    static func bytes(_ path: String) throws -> [UInt8] {
        if path == "-" { return Array(FileHandle.standardInput.readDataToEndOfFile()) }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path): cannot be read: \(String(cString: strerror(errno)))")
        }
        return Array(data)
    }
}

/// Events in the JSON format: one, or a list of them.
enum EventFile {
    static func events(_ path: String) throws -> [CloudEvent] {
        let bytes = try InputFile.bytes(path)
        do throws(CloudEventError) {
            let isList = bytes.first { $0 > 0x20 } == UInt8(ascii: "[")
            return isList ? try JSONFormat.decodeBatch(bytes) : [try JSONFormat.decode(bytes)]
        } catch {
            throw CommandFailure("\(InputFile.name(of: path)): \(error.message)")
        }
    }
}

/// The manifests that `-f` names: files, folders, and standard input for `-`.
enum ManifestInput {
    /// What is wrong with them is printed, a line an error.
    static func load(_ paths: [String]) throws -> Manifests {
        do {
            var sources = try ManifestFiles(paths.filter { $0 != "-" }).read().map {
                Manifests.Source(file: $0.path, text: $0.text)
            }
            if paths.contains("-") {
                sources.append(Manifests.Source(file: InputFile.name(of: "-"), bytes: try InputFile.bytes("-")))
            }
            return try Manifests.load(sources, catalog: Registry.catalog)
        } catch let errors as FieldErrors {
            Console.printError(errors.errors.flatMap { [$0.description] + $0.excerptLines })
        } catch let unreadable as ManifestFiles.Unreadable {
            Console.printError([unreadable.description])
        }
        throw ExitCode(1)
    }
}

extension FieldError {
    /// The excerpt, indented and cut to what a terminal shows.
    var excerptLines: [String] { Excerpt.lines(excerpt) }
}

/// A line of an expression with a caret beneath.
enum Excerpt {
    private static let before = 60
    private static let width = 100

    /// `pair` is the line and its caret line; empty for none. A long line is cut around the caret.
    static func lines(_ pair: [String]) -> [String] {
        guard pair.count == 2 else { return [] }
        let caret = max(0, pair[1].unicodeScalars.count - 1)
        let start = max(0, caret - before)
        let (shown, marks) = (pair[0].unicodeScalars.dropFirst(start), pair[1].unicodeScalars.dropFirst(start))
        let head = start > 0 ? "…" : "", tail = shown.count > width ? "…" : ""
        let margin = start > 0 ? " " : ""
        return ["    \(head)\(String(shown.prefix(width)))\(tail)", "    \(margin)\(String(marks))"]
    }
}

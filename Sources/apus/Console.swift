import Foundation
import Synchronization

/// The terminal: whole lines at once, so that what several tasks print does not mix.
enum Console {
    private static let lock = Mutex(())

    static func print(_ lines: [String]) {
        write(lines, to: .standardOutput)
    }

    static func printError(_ lines: [String]) {
        write(lines, to: .standardError)
    }

    /// Puts a line in the place of the one that the cursor stands in, on the terminal of standard error.
    static func redraw(_ line: String) {
        lock.withLock { _ in try? FileHandle.standardError.write(contentsOf: Data("\r\(line)\u{1B}[K".utf8)) }
    }

    /// Bytes as they are, on standard output.
    static func write(_ bytes: [UInt8]) {
        lock.withLock { _ in try? FileHandle.standardOutput.write(contentsOf: Data(bytes)) }
    }

    private static func write(_ lines: [String], to handle: FileHandle) {
        let text = lines.map { $0 + "\n" }.joined()
        lock.withLock { _ in try? handle.write(contentsOf: Data(text.utf8)) }
    }

    /// Rows under one another, columns as wide as their widest cell; a row may have fewer cells than others.
    static func columns(_ rows: [[String]]) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let full = rows.map { $0 + Array(repeating: "", count: count - $0.count) }
        return Array(table(Array(repeating: "", count: count), full).dropFirst())
    }

    /// A table with columns as wide as their widest cell, two spaces between them, as `kubectl get` prints it.
    static func table(_ header: [String], _ rows: [[String]]) -> [String] {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let isLast = column == row.count - 1
                line += isLast ? cell : cell + String(repeating: " ", count: widths[column] + 2 - cell.count)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }
}

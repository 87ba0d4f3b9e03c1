import Foundation

/// What standard output is.
enum Terminal {
    /// Whether colours are wanted: a terminal that knows them, and nobody said no (https://no-color.org).
    static let hasColour: Bool = {
        let environment = ProcessInfo.processInfo.environment
        return isatty(STDOUT_FILENO) == 1 && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }()

    /// Whether somebody reads standard error as it comes.
    static let hasReader = isatty(STDERR_FILENO) == 1
}

enum Colour: String {
    case bold = "1"
    case dim = "2"
    case yellow = "33"
    case cyan = "36"

    /// The text in this colour; as it is where there are none.
    func paint(_ text: String, if isOn: Bool = Terminal.hasColour) -> String {
        isOn && !text.isEmpty ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}

/// Text of strangers, made fit for a terminal: nothing in it moves the cursor, turns the direction, or ends the line.
enum Printable {
    private static let cellWidth = 60

    /// A cell of a table: one line, cut where it is long.
    static func cell(_ text: String) -> String {
        let shown = line(text)
        return shown.count > cellWidth ? shown.prefix(cellWidth - 1) + "…" : shown
    }

    /// A text of several lines as a cell: its words with one space between them.
    static func words(_ text: String) -> String {
        cell(text.split { $0.isWhitespace }.joined(separator: " "))
    }

    static func line(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if isUnfit(scalar) {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// Lines of a text, each fit; tabs stay.
    static func lines(_ text: String) -> [String] {
        text.replacingOccurrences(of: "\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false).map { part in
            part.split(separator: "\t", omittingEmptySubsequences: false).map { line(String($0)) }.joined(separator: "\t")
        }
    }

    private static func isUnfit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}

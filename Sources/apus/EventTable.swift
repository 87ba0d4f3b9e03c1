import ApusClient
import ApusResources

/// Events as lines of a table, one a line.
struct EventTable {
    private static let header = ["POSITION", "TIME", "TYPE", "SOURCE", "SUBJECT", "ID"]
    private static let colours: [Colour?] = [.yellow, .dim, .cyan, nil, nil, nil]

    /// Columns of a table that grows line by line begin as wide as most events need.
    private var widths = [8, 24, 20, 16, 12, 2]
    private let hasColour: Bool

    init(hasColour: Bool = Terminal.hasColour) { self.hasColour = hasColour }

    /// A table of events that are all there: columns as wide as their widest cell.
    static func lines(of events: [EventView], hasColour: Bool = Terminal.hasColour) -> [String] {
        let rows = events.map(cells)
        var table = EventTable(hasColour: hasColour)
        table.widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        return [table.head] + rows.map { table.line(of: $0, Self.colours) }
    }

    /// The line above the first event.
    var head: String { line(of: Self.header, Self.header.map { _ in .bold }) }

    /// One event more. A column that is too narrow is wider from here on.
    mutating func line(of event: EventView) -> String {
        let cells = Self.cells(of: event)
        for (column, cell) in cells.enumerated() { widths[column] = max(widths[column], cell.count) }
        return line(of: cells, Self.colours)
    }

    private func line(of cells: [String], _ colours: [Colour?]) -> String {
        let last = cells.lastIndex { !$0.isEmpty } ?? 0
        return cells[...last].enumerated().map { column, cell in
            let padding = column == last ? "" : String(repeating: " ", count: max(0, widths[column] - cell.count) + 2)
            return (colours[column]?.paint(cell, if: hasColour) ?? cell) + padding
        }.joined()
    }

    private static func cells(of event: EventView) -> [String] {
        let attributes = ["type", "source", "subject", "id"].map { Printable.cell(event.attribute($0)) }
        return [event.position, milliseconds(event.time)] + attributes
    }

    /// A moment of RFC 3339 in UTC, cut to milliseconds: cells of one width, which `--from` reads.
    static func milliseconds(_ time: String) -> String {
        let parts = time.dropLast().split(separator: ".", maxSplits: 1)
        guard time.hasSuffix("Z"), let seconds = parts.first else { return time }
        let fraction = (parts.count > 1 ? String(parts[1]) : "").prefix(3)
        return "\(seconds).\(fraction)\(String(repeating: "0", count: 3 - fraction.count))Z"
    }
}

/// Events in the form that `-o` names.
enum EventOutput: String, CaseIterable {
    case table, json, jsonl, yaml

    /// All events of a list.
    func lines(of events: [EventView]) -> [String] {
        switch self {
        case .table: EventTable.lines(of: events)
        case .json: [events.isEmpty ? "[]" : DocumentLines.json(events.map(\.document))]
        case .jsonl: events.map { $0.document.json() }
        case .yaml: [events.isEmpty ? "[]" : DocumentLines.yaml(events.map(\.document))]
        }
    }
}

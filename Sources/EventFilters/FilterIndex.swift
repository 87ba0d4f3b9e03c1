public import CloudEvents

/// All filters of a broker, asked at once: which of them does an event pass? (Law 4.)
///
/// Ids are the caller's: small, dense integers.
///
/// A filter that can only match where one attribute has one value (most name a `type`) stands in a table under that value; an
/// event asks each table once, and then only the filters that it finds there, and those that stand in no table.
///
///     type:   "order.created" ─► 0 4 9        an event with type order.created asks 0 4 9 and 2 7, in order: 0 2 4 7 9
///             "order.deleted" ─► 1 3
///     rest:                   ─► 2 7
public struct FilterIndex: Sendable {
    /// A stretch of `postings`.
    private struct Run {
        var next: Int
        let end: Int
    }

    private struct Table {
        let attribute: String
        /// Texts that are equal as bytes are equal as strings; what is only canonically equal, the filter itself sorts out.
        var runs: [String: Run]
    }

    private let filters: [(id: Int, filter: CompiledFilter)]
    /// Indices of `filters`, ascending in each run.
    private let postings: [Int]
    private let rest: Run
    private let tables: [Table]

    public init(_ filters: [(id: Int, filter: CompiledFilter)]) {
        self.filters = filters.sorted { $0.id < $1.id }
        var rest: [Int] = []
        var found: [String: [String: [Int]]] = [:]
        for (index, entry) in self.filters.enumerated() {
            if let key = Self.key(of: entry.filter.expressions) {
                found[key.name, default: [:]][key.value, default: []].append(index)
            } else {
                rest.append(index)
            }
        }
        var postings = rest
        self.rest = Run(next: 0, end: rest.count)
        tables = found.sorted { $0.key < $1.key }.map { attribute, values in
            var table = Table(attribute: attribute, runs: [:])
            for (value, indices) in values {
                table.runs[value] = Run(next: postings.count, end: postings.count + indices.count)
                postings += indices
            }
            return table
        }
        self.postings = postings
    }

    /// A value that an attribute must have for the filter to match, its type's where it names one.
    private static func key(of expressions: [FilterExpression]) -> AttributePredicate? {
        let required = required(by: expressions)
        return required.first { $0.name == "type" } ?? required.first
    }

    private static func required(by expressions: [FilterExpression]) -> [AttributePredicate] {
        expressions.flatMap { expression -> [AttributePredicate] in
            switch expression {
            case .exact(let list): list
            case .attributes(let list): list.filter { !$0.value.isEmpty }
            case .all(let children): required(by: children)
            case .prefix, .suffix, .any, .not, .cesql: []
            }
        }
    }

    /// Calls `body` with each id whose filter matches, ascending, and `onError` with each whose filter met an evaluation error.
    public func forEachMatch(
        _ attributes: Attributes, onError: (_ id: Int) -> Void = { _ in }, _ body: (_ id: Int) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: Run.self, capacity: tables.count + 1) { runs in
            var count = 0
            func add(_ run: Run) {
                guard run.next < run.end else { return }
                runs[count] = run
                count += 1
            }
            add(rest)
            for table in tables {
                if let value = attributes[table.attribute], let run = table.runs[value.text] { add(run) }
            }
            while count > 0 {
                let index = takeSmallest(of: runs, &count)
                var errors = 0
                if filters[index].filter.matches(attributes, evaluationErrors: &errors) { body(filters[index].id) }
                if errors > 0 { onError(filters[index].id) }
            }
        }
    }

    /// How many filters match: what `Apus-Matched` says (promise 1).
    public func countMatches(_ attributes: Attributes) -> Int {
        var count = 0
        forEachMatch(attributes) { _ in count += 1 }
        return count
    }

    /// Takes the smallest index from the heads of the runs; a run that is used up gives its place to the last.
    private func takeSmallest(of runs: UnsafeMutableBufferPointer<Run>, _ count: inout Int) -> Int {
        var smallest = 0
        for run in 1..<max(count, 1) where postings[runs[run].next] < postings[runs[smallest].next] { smallest = run }
        let index = postings[runs[smallest].next]
        runs[smallest].next += 1
        if runs[smallest].next == runs[smallest].end {
            count -= 1
            runs[smallest] = runs[count]
        }
        return index
    }
}

public import CloudEvents

/// All filters of a broker, asked at once: which of them does an event pass? (Law 4.)
///
/// Ids are the caller's: small, dense integers.
///
/// A filter stands where one of its ``Requirement``s can be looked up: the one that fewest filters share. Where many share one,
/// they are told apart by their other requirements, in a node of their own. So an event asks the filters that it finds under
/// its own values, and those that require nothing that can be looked up.
///
///     root   type = "order.created" ─► 0 4 9        an event with the type order.created and the source /eu/3 asks
///            type = "order.paid"    ─► node 1       0 4 9, then 2 7, then 5: in order 0 2 4 5 7 9
///            source ^ "/eu"         ─► 5
///            rest                   ─► 2 7
public struct FilterIndex: Sendable {
    private let filters: [(id: Int, filter: CompiledFilter)]
    private let tree: FilterTree

    public init(_ filters: [(id: Int, filter: CompiledFilter)]) {
        self.filters = filters.sorted { $0.id < $1.id }
        tree = FilterTree(self.filters.map(\.filter.requirements))
    }

    /// Calls `body` with each id whose filter matches, ascending, and `onError` with those in which a CESQL expression ended in
    /// an error. A filter that could not match is not evaluated, so that it has no error either.
    public func forEachMatch(_ attributes: Attributes, onError: (Int) -> Void = { _ in }, _ body: (Int) -> Void) {
        tree.forEachCandidate(attributes) { index in
            var errors = 0
            if filters[index].filter.matches(attributes, evaluationErrors: &errors) { body(filters[index].id) }
            if errors > 0 { onError(filters[index].id) }
        }
    }

    /// How many filters match: what `Apus-Matched` says (promise 1).
    public func countMatches(_ attributes: Attributes) -> Int {
        var count = 0
        forEachMatch(attributes) { _ in count += 1 }
        return count
    }
}

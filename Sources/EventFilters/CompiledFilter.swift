public import CloudEvents

/// A filter that is ready to be asked: compiled once, pure, and free of allocations when it is asked.
public struct CompiledFilter: Sendable {
    /// Matches every event.
    public static let everything = CompiledFilter()
    private init() {}

    /// Compiles expressions that must all match. An empty list matches everything.
    public init(_ expressions: [FilterExpression]) throws(FilterError) { fatalError("CompiledFilter is being built") }

    public func matches(_ attributes: Attributes) -> Bool { fatalError("CompiledFilter.matches is being built") }
}

/// All filters of a broker, asked at once: which of them does an event pass? (Law 4.)
///
/// Ids are the caller's: small, dense integers.
public struct FilterIndex: Sendable {
    public init(_ filters: [(id: Int, filter: CompiledFilter)]) { fatalError("FilterIndex is being built") }

    /// Calls `body` with each id whose filter matches, ascending.
    public func forEachMatch(_ attributes: Attributes, _ body: (Int) -> Void) { fatalError("FilterIndex is being built") }

    public func countMatches(_ attributes: Attributes) -> Int { fatalError("FilterIndex is being built") }
}

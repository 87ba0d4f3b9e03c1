internal import CloudEvents

/// Where the filters of an index stand, by what they require.
///
/// Everything lies flat, in tables that point at each other by index: an event that asks chases no pointers and counts no
/// references.
struct FilterTree: Sendable {
    /// So few filters are tried one by one faster than they are looked up.
    fileprivate static let leafMax = 4

    /// A stretch of `postings`.
    fileprivate struct Run: Sendable {
        var next: Int
        let end: Int
    }

    fileprivate struct Node: Sendable {
        /// The filters that are tried by every event that comes here, ascending.
        let run: Run
        let tables: Range<Int>
    }

    /// Indices of filters.
    let postings: [Int]
    private let nodes: [Node]
    private let tables: FilterTables
    private let root: Int
    /// How many nodes one event can come to at most.
    private let nodesMax: Int

    /// The filters are known by their places in this list.
    init(_ requirements: [[Requirement]]) {
        var builder = Builder()
        root = builder.build(requirements.enumerated().map { Item(index: $0.offset, requirements: $0.element) })
        postings = builder.postings
        nodes = builder.nodes
        tables = builder.tables
        nodesMax = builder.nodesMaxes[root]
    }

    /// Calls `body` with each filter that an event could pass, ascending, and once.
    @inline(__always)
    func forEachCandidate(_ attributes: Attributes, _ body: (Int) -> Void) {
        withUnsafeTemporaryAllocation(of: Run.self, capacity: nodesMax) { runs in
            var count = gather(attributes, into: runs)
            postings.withUnsafeBufferPointer { postings in
                var last = -1
                while count > 0 {
                    let index = Self.takeSmallest(of: runs, &count, postings)
                    if index != last { body(index) }
                    last = index
                }
            }
        }
    }

    /// Goes from the root wherever the event's values lead. Gives the number of runs on the way.
    private func gather(_ attributes: Attributes, into runs: UnsafeMutableBufferPointer<Run>) -> Int {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: nodesMax) { found in
            var ahead = FoundNodes(found)
            ahead.add(root)
            var count = 0
            while let index = ahead.next() {
                let node = nodes[index]
                if node.run.next < node.run.end {
                    runs[count] = node.run
                    count += 1
                }
                for table in node.tables { tables.look(table, attributes, into: &ahead) }
            }
            return count
        }
    }

    /// Takes the smallest index from the heads of the runs; a run that is used up gives its place to the last.
    @inline(__always)
    private static func takeSmallest(
        of runs: UnsafeMutableBufferPointer<Run>, _ count: inout Int, _ postings: UnsafeBufferPointer<Int>
    ) -> Int {
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

/// The nodes to which an event has been led, and not yet come.
struct FoundNodes {
    private let nodes: UnsafeMutableBufferPointer<Int>
    private var start = 0
    private var end = 0

    fileprivate init(_ nodes: UnsafeMutableBufferPointer<Int>) { self.nodes = nodes }

    mutating func add(_ node: Int) {
        precondition(end < nodes.count, "the tree was built with room for every node that an event can come to")
        nodes[end] = node
        end += 1
    }

    fileprivate mutating func next() -> Int? {
        guard start < end else { return nil }
        start += 1
        return nodes[start - 1]
    }
}

// MARK: - Building

extension FilterTree {
    /// A filter, and what of its requirements has not been looked up on the way to it.
    private struct Item {
        let index: Int
        var requirements: [Requirement]
        /// In how many places it stands at most: each level multiplies them by the tests of one requirement.
        var placesMax = 1
    }

    private struct Builder {
        var postings: [Int] = []
        var nodes: [Node] = []
        var tables = FilterTables()
        /// Beside each node: to how many an event can come from there, itself included.
        var nodesMaxes: [Int] = []

        /// Gives the place of the node that holds these filters. Each level looks up one requirement of each, so it ends.
        mutating func build(_ items: [Item]) -> Int {
            guard items.count > leafMax else { return add(items, tables: 0..<0, nodesMax: 1) }
            var sharers: [AttributeTest: Int] = [:]
            for item in items { for test in item.requirements.flatMap(\.anyOf) { sharers[test, default: 0] += 1 } }
            var rest: [Item] = []
            var groups: [AttributeTest: [Item]] = [:]
            for var item in items {
                let costs = item.requirements.map { $0.anyOf.reduce(0) { $0 + (sharers[$1] ?? 0) } }
                guard let cheapest = costs.indices.min(by: { costs[$0] < costs[$1] }) else {
                    rest.append(item)
                    continue
                }
                let tests = Set(item.requirements.remove(at: cheapest).anyOf)
                item.placesMax *= tests.count
                item.requirements.removeAll { [places = item.placesMax] in places * $0.anyOf.count > Requirement.testsMax }
                for test in tests { groups[test, default: []].append(item) }
            }
            return add(rest, groups)
        }

        private mutating func add(_ rest: [Item], _ groups: [AttributeTest: [Item]]) -> Int {
            var children: [AttributeName: [(test: AttributeTest, node: Int)]] = [:]
            for (test, items) in groups { children[test.name, default: []].append((test: test, node: build(items))) }
            let first = tables.count
            var nodesMax = 1
            for (name, entries) in children {
                let areApart = tables.add(name, entries)
                nodesMax += areApart ? self.nodesMax(entries) : entries.reduce(0) { $0 + nodesMaxes[$1.node] }
            }
            return add(rest, tables: first..<tables.count, nodesMax: nodesMax)
        }

        /// A value has at most one prefix and one suffix of each length, and is equal to one value.
        private func nodesMax(_ entries: [(test: AttributeTest, node: Int)]) -> Int {
            let kinds = Dictionary(grouping: entries) { entry in
                [entry.test.relation.hashValue, entry.test.relation == .equal ? 0 : entry.test.value.count]
            }
            return kinds.values.reduce(0) { sum, kind in sum + (kind.map { nodesMaxes[$0.node] }.max() ?? 0) }
        }

        private mutating func add(_ items: [Item], tables: Range<Int>, nodesMax: Int) -> Int {
            let start = postings.count
            postings += items.map(\.index)
            nodes.append(Node(run: Run(next: start, end: postings.count), tables: tables))
            nodesMaxes.append(nodesMax)
            return nodes.count - 1
        }
    }
}

internal import CloudEvents

/// Where the filters of an index stand, by what they require.
struct FilterTree: Sendable {
    /// So few filters are tried one by one faster than they are looked up.
    private static let leafMax = 4

    /// A stretch of `postings`.
    private struct Run: Sendable {
        var next: Int
        let end: Int
    }

    private struct Node: Sendable {
        /// The filters that are tried by every event that comes here, ascending.
        let run: Run
        let tables: [FilterTable]
    }

    /// Indices of filters.
    private let postings: [Int]
    private let nodes: [Node]
    private let root: Int32
    /// How many runs one event can gather at most.
    private let runsMax: Int

    /// The filters are known by their places in this list.
    init(_ requirements: [[Requirement]]) {
        var builder = Builder()
        root = builder.build(requirements.enumerated().map { Item(index: $0.offset, requirements: $0.element) })
        postings = builder.postings
        nodes = builder.nodes
        runsMax = builder.runsMax(root)
    }

    /// Calls `body` with each filter that an event could pass, ascending, and once.
    @inline(__always)
    func forEachCandidate(_ attributes: Attributes, _ body: (Int) -> Void) {
        withUnsafeTemporaryAllocation(of: Run.self, capacity: runsMax) { runs in
            var count = 0
            gather(root, attributes, into: runs, &count)
            var last = -1
            while count > 0 {
                let index = takeSmallest(of: runs, &count)
                if index != last { body(index) }
                last = index
            }
        }
    }

    private func gather(_ node: Int32, _ attributes: Attributes, into runs: UnsafeMutableBufferPointer<Run>, _ count: inout Int) {
        let run = nodes[Int(node)].run
        if run.next < run.end {
            runs[count] = run
            count += 1
        }
        for table in nodes[Int(node)].tables {
            table.forEachChild(attributes) { child in gather(child, attributes, into: runs, &count) }
        }
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

// MARK: - Building

extension FilterTree {
    /// A filter, and what of its requirements has not been looked up on the way to it.
    private struct Item {
        let index: Int
        var requirements: [Requirement]
    }

    private struct Builder {
        var postings: [Int] = []
        var nodes: [Node] = []
        /// Beside each node.
        private var runsMaxes: [Int] = []

        func runsMax(_ node: Int32) -> Int { runsMaxes[Int(node)] }

        /// Gives the place of the node that holds these filters. Each level looks up one requirement of each, so it ends.
        mutating func build(_ items: [Item]) -> Int32 {
            guard items.count > leafMax else { return add(items, tables: [], runsMax: 1) }
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
                for test in Set(item.requirements.remove(at: cheapest).anyOf) { groups[test, default: []].append(item) }
            }
            return add(rest, groups)
        }

        private mutating func add(_ rest: [Item], _ groups: [AttributeTest: [Item]]) -> Int32 {
            var children: [AttributeName: [(test: AttributeTest, node: Int32, runsMax: Int)]] = [:]
            for (test, items) in groups {
                let node = build(items)
                children[test.name, default: []].append((test: test, node: node, runsMax: runsMax(node)))
            }
            let tables = children.map { name, entries in FilterTable(name, entries.map { ($0.test, $0.node) }) }
            return add(rest, tables: tables, runsMax: children.values.reduce(1) { $0 + Self.runsMax($1) })
        }

        /// A value has at most one prefix and one suffix of each length, and is equal to one value.
        private static func runsMax(_ entries: [(test: AttributeTest, node: Int32, runsMax: Int)]) -> Int {
            var largest: [AttributeTest.Relation: [Int: Int]] = [:]
            for entry in entries {
                let length = entry.test.relation == .equal ? 0 : entry.test.value.count
                largest[entry.test.relation, default: [:]][length, default: 0] = max(
                    largest[entry.test.relation]?[length] ?? 0, entry.runsMax)
            }
            return largest.values.reduce(0) { $0 + $1.values.reduce(0, +) }
        }

        private mutating func add(_ items: [Item], tables: [FilterTable], runsMax: Int) -> Int32 {
            let start = postings.count
            postings += items.map(\.index)
            nodes.append(Node(run: Run(next: start, end: postings.count), tables: tables))
            runsMaxes.append(runsMax)
            return Int32(nodes.count - 1)
        }
    }
}

import CloudEvents
import Testing

@testable import EventFilters

@Suite struct `The size of an index` {
    /// Each filter that many share stands below each of its values, and below each of those at each of the next attribute's.
    @Test func `does not grow with the product of the lists in a filter`() throws {
        let lists = ["type", "source", "subject", "region", "tenant"].map { name in
            FilterExpression.cesql("\(name) IN (\((0..<24).map { "'\(name)\($0)'" }.joined(separator: ",")))")
        }
        let filter = try CompiledFilter(lists)
        let filters = Array(repeating: filter, count: 8)
        let tree = FilterTree(filters.map(\.requirements))
        #expect(tree.postings.count <= filters.count * Requirement.testsMax)
        let index = FilterIndex(filters.enumerated().map { (id: $0.offset, filter: $0.element) })
        let attributes = ["type": "type3", "source": "source9", "subject": "subject0", "region": "region23", "tenant": "tenant7"]
        #expect(index.countMatches(event(attributes)) == filters.count)
        #expect(index.countMatches(event(attributes.merging(["tenant": "none"]) { $1 })) == 0)
    }

    /// The two first types have the same hash in FilterTable: whoever can write filters can find such texts.
    @Test func `is enough for texts that share a hash`() throws {
        let types = ["042796b81025c161", "a5e29ce25cd6212a", "c", "d", "e"]
        var filters = try types.map { try CompiledFilter([.exact([AttributePredicate(name: "type", value: $0)])]) }
        filters.append(.everything)
        let index = FilterIndex(filters.enumerated().map { (id: $0.offset, filter: $0.element) })
        for (place, type) in types.enumerated() {
            var ids: [Int] = []
            index.forEachMatch(event(["type": type])) { ids.append($0) }
            #expect(ids == [place, 5])
        }
    }
}

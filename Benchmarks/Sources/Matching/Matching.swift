import CAllocations
import CloudEvents
import EventFilters
import Glibc

/// How long a match takes, what it allocates, and how the cost of an event grows with the triggers that there are.
///
/// Usage: `Matching [ROUNDS]`. Ends with 1 where a match allocates that must not.
@main
struct Matching {
    static func main() throws {
        let rounds = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 5 : 5
        let created = "com.example.order.created"
        let broken = try singleFilters(Events.make(count: 256, types: [created, "com.example.order.deleted"]), rounds: rounds)
        try manyTriggers(Events.make(count: 256, types: [created]), rounds: rounds)
        if !broken.isEmpty {
            print("matching: \(broken.joined(separator: " and ")) must allocate nothing")
            exit(1)
        }
    }

    /// One filter asked about one event. Gives the names of those that allocate and must not.
    private static func singleFilters(_ events: [Attributes], rounds: Int) throws -> [String] {
        let shapes = try Shape.singles()
        print("  one filter, one event of 10 attributes        ns a match  (least to most)   allocations a match   matching")
        var times = shapes.map { _ in [Double]() }
        var counts = shapes.map { _ in 0.0 }
        var matches = shapes.map { _ in 0 }
        for round in 0...rounds {
            for (index, shape) in shapes.enumerated() {
                let measured = Measure.run(events, passes: 2000) { shape.filter.matches($0) ? 1 : 0 }
                matches[index] = measured.sum * 100 / measured.calls
                // The first round only warms up.
                if round > 0 { times[index].append(measured.nanoseconds) }
                if round > 0 { counts[index] = max(counts[index], measured.allocations) }
            }
        }
        for (index, shape) in shapes.enumerated() {
            let spread = Spread(times[index])
            let line =
                "  \(pad(shape.name, 44)) \(spread.text(columns: 11))   \(pad(decimal(counts[index], 2), 21)) \(matches[index]) %"
            print(line)
        }
        return shapes.indices.filter { counts[$0] > 0 && !shapes[$0].mayAllocate }.map { shapes[$0].name }
    }

    /// One event held against all triggers of a broker, of which exactly one matches.
    private static func manyTriggers(_ events: [Attributes], rounds: Int) throws {
        let sizes = [1, 100, 10_000]
        print("  one event, of the triggers one matches               1           100        10 000   ns   10 000 over 1")
        for kind in Shape.Many.allCases {
            let indices = try sizes.map { try kind.index(of: $0) }
            var times = sizes.map { _ in [Double]() }
            for round in 0...rounds {
                for (place, index) in indices.enumerated() {
                    let measured = Measure.run(events, passes: 400) { index.countMatches($0) }
                    guard measured.sum == measured.calls else {
                        print("matching: \(kind.rawValue): \(measured.sum) matches for \(measured.calls) events")
                        exit(1)
                    }
                    if round > 0 { times[place].append(measured.nanoseconds) }
                }
            }
            let ratios = Spread(zip(times[2], times[0]).map { $0 / $1 })
            let columns = times.map { padLeft(decimal(Spread($0).median, 0), 13) }.joined()
            print("  \(pad(kind.rawValue, 40))\(columns)        \(ratios.text(columns: 6, places: 2))")
        }
    }
}

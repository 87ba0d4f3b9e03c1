import CAllocations
import CloudEvents
import Glibc

enum Measure {
    struct Result {
        var calls: Int
        /// A call.
        var nanoseconds: Double
        /// A call.
        var allocations: Double
        /// Of what the calls gave, so that no call can be left out.
        var sum: Int
    }

    /// Calls `body` with every event, again and again.
    @inline(never)
    static func run(_ events: [Attributes], passes: Int, _ body: (Attributes) -> Int) -> Result {
        var sum = 0
        let allocations = allocation_count()
        let start = nanoseconds()
        for _ in 0..<passes {
            for event in events { sum += body(event) }
        }
        let calls = passes * events.count
        let time = Double(nanoseconds() - start) / Double(calls)
        return Result(
            calls: calls, nanoseconds: time, allocations: Double(allocation_count() - allocations) / Double(calls), sum: sum)
    }

    /// Of this thread, so that a neighbour on the machine costs nothing.
    private static func nanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// Several rounds of one measurement.
struct Spread {
    let median: Double
    let least: Double
    let most: Double

    init(_ values: [Double]) {
        let sorted = values.sorted()
        median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
        least = sorted[0]
        most = sorted[sorted.count - 1]
    }

    func text(columns: Int, places: Int = 1) -> String {
        "\(padLeft(decimal(median, places), columns))  (\(decimal(least, places)) to \(decimal(most, places)))"
    }
}

func decimal(_ value: Double, _ places: Int) -> String {
    let scale = places == 0 ? 1 : places == 1 ? 10 : 100
    let scaled = Int((value * Double(scale)).rounded())
    if places == 0 { return String(scaled) }
    let digits = String(scaled % scale)
    return "\(scaled / scale).\(String(repeating: "0", count: places - digits.count))\(digits)"
}

func pad(_ text: String, _ columns: Int) -> String { text + String(repeating: " ", count: max(0, columns - text.count)) }

func padLeft(_ text: String, _ columns: Int) -> String { String(repeating: " ", count: max(0, columns - text.count)) + text }

import Testing

@testable import ApusDispatch

@Suite struct `The courtesy of a replay` {
    private let late = Duration.milliseconds(3)

    @Test func `holds nothing back where nothing comes in, however late the executor is`() {
        var courtesy = ReplayCourtesy()
        for _ in 0..<100 { courtesy.ticked(late: late, end: 7) }
        courtesy.spent(1_000_000)
        #expect(courtesy.allowance == .max)
    }

    @Test func `leaves ever more to live traffic while the executor is late, and takes it back once it is in time`() {
        var courtesy = ReplayCourtesy()
        var end: Int64 = 0
        func tick(_ late: Duration) {
            end += 1
            courtesy.ticked(late: late, end: end)
        }
        tick(late)
        var before = Int.max
        for _ in 0..<13 {
            tick(late)
            #expect(courtesy.allowance < before || courtesy.allowance == 1)
            before = courtesy.allowance
        }
        #expect(courtesy.allowance == 1, "it never stands still")
        courtesy.spent(1)
        #expect(courtesy.allowance == 0)
        for _ in 0..<80 { tick(.zero) }
        #expect(courtesy.allowance == 4096)
        courtesy.spent(96)
        #expect(courtesy.allowance == 4000)
        // A pause of the live traffic.
        courtesy.ticked(late: late, end: end)
        #expect(courtesy.allowance == .max)
    }
}

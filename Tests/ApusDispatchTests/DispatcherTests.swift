import ApusDispatch
import ApusPorts
import ApusTesting
import CloudEvents
import Testing

@Suite struct `A dispatcher` {
    @Test func `delivers what a trigger's filter takes, and nothing else`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(.sample("a", to: "http://a", type: "x"), .sample("b", to: "http://b"))
        harness.send(["1"], ["type": "x"])
        harness.send(["2"], ["type": "y"])
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://a") == ["1"])
        #expect(harness.delivered(at: "http://b") == ["1", "2"])
        #expect(harness.cursor("a")?.open == [])
        #expect(harness.log.durable.cursors[.events]?.shared == 2)
    }
}

import ApusDispatch
import ApusPorts
import ApusResources
import ApusTelemetry
import ApusTesting
import EventFilters
import Testing

@Suite struct `An evaluation error of a filter` {
    private func plan(_ name: String, _ expression: FilterExpression) throws -> TriggerPlan {
        var plan = try TriggerPlan.sample(name, to: "http://\(name)")
        plan.filter = try CompiledFilter([expression])
        return plan
    }

    @Test func `is no match, and is counted for its trigger with the last event`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(plan("eu", .cesql("region = 'eu'")), plan("exact", .exact([.init(name: "region", value: "eu")])))
        harness.send(["0"], ["region": "eu"])
        harness.send(["1", "2"])
        harness.send(["3"], ["region": "us"])
        #expect(harness.executor.runUntilIdle())
        #expect(harness.delivered(at: "http://eu") == ["0"])
        let progress = try harness.progress(of: "eu")
        #expect(progress.filterErrors == 2)
        #expect(progress.lastFilterError?.position == Position(offset: 2))
        #expect(progress.lastFilterError?.sentence == "region = 'eu' is an error: the event has no attribute region")
        #expect(try harness.progress(of: "exact").filterErrors == 0)
        #expect(harness.samples("apus_filter_errors_total") == ["eu": "2", "exact": "0"])
    }

    @Test func `is counted once, whoever reads the event`() throws {
        var bounds = DispatchBounds()
        bounds.windowEvents = 2
        let harness = DispatchHarness(bounds: bounds) { _ in (.status(200), .seconds(1)) }
        harness.send((0..<10).map(String.init))
        try harness.start()
        // One reads from the start on its own, falls behind again and again, and joins the other at the end.
        var behind = try plan("behind", .not(.cesql("region = 'eu'")))
        behind.startFrom = .earliest
        try harness.apply(behind, plan("shared", .cesql("region = 'eu'")))
        harness.send((10..<30).map(String.init))
        #expect(harness.executor.runUntilIdle())
        #expect(harness.delivered(at: "http://behind").count == 30)
        #expect(try harness.progress(of: "behind").filterErrors == 30)
        #expect(try harness.progress(of: "shared").filterErrors == 20)
    }

    @Test func `is forgotten when the filter changes, but not by the metric`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(plan("t", .cesql("region = 'eu'")))
        harness.send(["0"])
        harness.executor.runUntilIdle()
        #expect(try harness.progress(of: "t").filterErrors == 1)
        try harness.apply(plan("t", .cesql("EXISTS region AND region = 'eu'")))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        #expect(try harness.progress(of: "t").filterErrors == 0)
        #expect(try harness.progress(of: "t").lastFilterError == nil)
        #expect(harness.samples("apus_filter_errors_total") == ["t": "1"])
        try harness.remove("t")
        #expect(harness.samples("apus_filter_errors_total") == [:])
    }
}

extension DispatchHarness {
    /// The values of a metric by trigger.
    func samples(_ metric: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in meters.prometheusText().split(separator: "\n") where line.hasPrefix(metric + "{") {
            let trigger = line.split(separator: "trigger=\"").last?.prefix { $0 != "\"" } ?? ""
            values[String(trigger)] = line.split(separator: " ").last.map(String.init)
        }
        return values
    }
}

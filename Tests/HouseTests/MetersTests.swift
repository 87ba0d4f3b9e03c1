import ApusTelemetry
import Testing

@Suite struct `The meters` {
    private let metric = Metric("m_total", .counter, labels: ["a"], help: "Help.")

    @Test func `make a series once`() {
        let meters = Meters()
        meters.counter(metric, ["x"]).add()
        meters.counter(metric, ["x"]).add(2)
        meters.counter(metric, ["y"]).add()
        #expect(meters.counter(metric, ["x"]).value == 3)
        #expect(meters.counter(metric, ["x"]) === meters.counter(metric, ["x"]))
    }

    @Test func `write the text format with help, type and a stable order`() {
        let meters = Meters()
        let gauge = Metric("a_level", .gauge, help: "Level.")
        meters.counter(metric, ["z"]).add(2)
        meters.counter(metric, ["b"]).add()
        meters.gauge(gauge).set(-4)
        #expect(
            meters.prometheusText() == """
                # HELP a_level Level.
                # TYPE a_level gauge
                a_level -4
                # HELP m_total Help.
                # TYPE m_total counter
                m_total{a="b"} 1
                m_total{a="z"} 2

                """)
    }

    @Test func `escape label values and help`() {
        let meters = Meters()
        let odd = Metric("m", .gauge, labels: ["a", "b"], help: "One\\two\nthree \"four\".")
        meters.gauge(odd, ["q\"u", "b\\s\r\nn"]).set(1)
        #expect(
            meters.prometheusText()
                == "# HELP m One\\\\two\\nthree \"four\".\n# TYPE m gauge\nm{a=\"q\\\"u\",b=\"b\\\\s\r\\nn\"} 1\n")
    }

    @Test func `count observations in cumulative buckets`() {
        let meters = Meters()
        let histogram = meters.histogram(Metric("h_seconds", .histogram, labels: ["a"], help: "H."), ["x"])
        for seconds in [0, 0.0001, 0.00011, 0.5, 100, 101, -1, .nan, .infinity] { histogram.observe(seconds) }
        let lines = meters.prometheusText().split(separator: "\n")
        #expect(lines.contains("h_seconds_bucket{a=\"x\",le=\"0.0001\"} 3"))
        #expect(lines.contains("h_seconds_bucket{a=\"x\",le=\"0.00025\"} 4"))
        #expect(lines.contains("h_seconds_bucket{a=\"x\",le=\"0.5\"} 5"))
        #expect(lines.contains("h_seconds_bucket{a=\"x\",le=\"100.0\"} 6"))
        #expect(lines.contains("h_seconds_bucket{a=\"x\",le=\"+Inf\"} 7"))
        #expect(lines.contains("h_seconds_count{a=\"x\"} 7"))
        #expect(lines.contains { $0.hasPrefix("h_seconds_sum{a=\"x\"} 201.5002") })
        #expect(histogram.count == 7)
    }

    @Test func `lose no count when many threads count`() async {
        let meters = Meters()
        let histogram = meters.histogram(Metric("h_seconds", .histogram, help: "H."))
        let metric = metric
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let counter = meters.counter(metric, ["x"])
                    for _ in 0..<5000 {
                        counter.add()
                        histogram.observe(0.25)
                    }
                }
            }
        }
        #expect(meters.counter(metric, ["x"]).value == 40_000)
        #expect(meters.prometheusText().contains("h_seconds_sum 10000.0\nh_seconds_count 40000\n"))
    }

    @Test func `drop the series of what is gone`() {
        let meters = Meters()
        let retried = meters.counter(.retried, ["default", "b", "t", "events"])
        retried.add()
        meters.counter(.retried, ["default", "b", "u", "events"]).add()
        meters.counter(.retried, ["default", "c", "t", "events"]).add()
        meters.drop(.retried, ["default", "b"])
        retried.add()
        let text = meters.prometheusText()
        #expect(!text.contains("broker=\"b\""))
        #expect(text.contains("broker=\"c\""))
        #expect(meters.counter(.retried, ["default", "b", "t", "events"]).value == 0)
    }

    @Test func `show no family without series`() {
        let meters = Meters()
        meters.counter(metric, ["x"]).add()
        meters.drop(metric, [])
        #expect(meters.prometheusText() == "")
    }

    @Test func `collect the process when the text is made`() {
        let meters = Meters()
        ProcessMetrics.register(in: meters, version: "1.2.3")
        let text = meters.prometheusText()
        #expect(text.contains("apus_build_info{version=\"1.2.3\"} 1\n"))
        #expect(meters.gauge(.residentMemory).value > 1_000_000)
        #expect(meters.gauge(.openFiles).value >= 3)
        #expect(meters.gauge(.openFilesMax).value >= meters.gauge(.openFiles).value)
        #expect(meters.gauge(.uptime).value >= 0 && meters.gauge(.uptime).value < 86_400)
    }
}

internal import CloudEvents
internal import EventFilters

extension Replay {
    init?(_ reader: inout FieldReader) {
        let report = reader.report
        guard let metadata = ObjectMeta(&reader) else { return nil }
        guard var spec = reader.object("spec") else {
            report.add("spec", "missing field: a Replay has a broker")
            return nil
        }
        let hasFilters = spec.names.contains("filters")
        let filters = FilterDocument.filters(&spec, kind: Self.kind)
        self.init(metadata: metadata, spec: ReplaySpec(&spec, filters: filters ?? []))
        spec.finish()
        status = ReplayStatus(reader.take("status"))
        // An item that could not be read would make the rest a wider filter than was meant; its own error is reported already.
        if filters != nil || !hasFilters { checkFilters(report) }
        report.add(Annotation.Reader(metadata.annotations, known: [], kind: Self.kind).errors)
    }

    private func checkFilters(_ report: FieldReport) {
        do {
            _ = try compiledFilter()
        } catch {
            report.add(error.path, error.message, excerpt: error.excerpt)
        }
    }
}

extension ReplaySpec {
    /// Reads all but the filters. What is wrong is reported.
    fileprivate init(_ reader: inout FieldReader, filters: [FilterExpression]) {
        let report = reader.report, errorsBefore = report.errors.count
        let broker = reader.string("broker")
        if broker == nil, report.errors.count == errorsBefore {
            report.add("spec.broker", "missing field: the name of a Broker in the same namespace")
        }
        self.init(
            broker: broker ?? "", trigger: reader.string("trigger"), sink: DestinationSpec(reader.object("sink")),
            from: reader.string("from") ?? "earliest", until: reader.string("until") ?? "latest", filters: filters)
        rate = Self.rate(&reader)
        maxInFlight = Self.maxInFlight(&reader)
        delivery = DeliverySpec(reader.object("delivery"))
        isPaused = reader.boolean("paused") ?? false
        isCancelled = reader.boolean("cancelled") ?? false
        deadLetters = DeadLetters(reader.object("deadLetters"))
        if let broker { Self.check(broker, isA: Broker.kind, at: "spec.broker", report) }
        if let trigger { Self.check(trigger, isA: Trigger.kind, at: "spec.trigger", report) }
        checkTarget(report)
        checkBounds(report)
    }

    private static func check(_ name: String, isA kind: String, at path: String, _ report: FieldReport) {
        guard !ResourceName.isSubdomain(name) else { return }
        report.add(path, "must be the name of a \(kind) in the same namespace, was \"\(name)\"")
    }

    private static func rate(_ reader: inout FieldReader) -> Double? {
        guard let rate = reader.decimal("rate") else { return nil }
        guard rate > 0, rate <= rateMax else {
            reader.report.add(
                reader.place("rate"),
                "must be events a second, above 0 and at most 1000000, was \(DocumentNode.decimal(rate).json())")
            return nil
        }
        return rate
    }

    private static func maxInFlight(_ reader: inout FieldReader) -> Int {
        guard let value = reader.integer("maxInFlight") else { return 1 }
        guard (1...Int64(maxInFlightMax)).contains(value) else {
            reader.report.add(reader.place("maxInFlight"), "must be 1 to \(maxInFlightMax), was \(value)")
            return 1
        }
        return Int(value)
    }

    private func checkTarget(_ report: FieldReport) {
        let given = [("trigger", trigger != nil), ("sink", sink != nil), ("deadLetters", deadLetters != nil)]
        let targets = given.filter(\.1).map { "spec.\($0.0)" }
        if targets.count > 1 {
            report.add("spec", "expected at most one, got \(targets.count): \(targets.joined(separator: ", "))")
        }
        guard delivery != nil else { return }
        if sink == nil {
            report.add("spec.delivery", "needs spec.sink: a trigger's own delivery holds for what goes to a trigger")
        } else if delivery?.deadLetterSink != nil {
            report.add(
                "spec.delivery.deadLetterSink",
                "must be absent: what the sink refuses is kept among the Broker's dead letters, under Replay/NAME")
        }
    }

    private func checkBounds(_ report: FieldReport) {
        // Any moment does to tell what can be read.
        let epoch = Timestamp(nanoseconds: 0)
        let points = [("spec.from", from), ("spec.until", until)].map { path, text -> LogPoint? in
            let point = LogPoint(text, now: epoch, midnight: epoch)
            if point == nil { report.add(path, "must be \(LogPoint.expectation), was \"\(text)\"") }
            return point
        }
        let isBackwards: Bool
        switch (points[0], points[1]) {
        case (.position(let lane, let first)?, .position(let other, let end)?): isBackwards = lane == other && end < first
        case (.time, .time):
            let moments = [from, until].compactMap(MomentText.moment)
            isBackwards = moments.count == 2 && moments[1] < moments[0]
        default: isBackwards = false
        }
        if isBackwards { report.add("spec.until", "must not be before spec.from (\(from)), was \(until)") }
    }
}

extension ReplaySpec.DeadLetters {
    fileprivate init?(_ reader: FieldReader?) {
        guard var reader else { return nil }
        let report = reader.report
        self.init(
            trigger: reader.string("trigger"), reason: reader.string("reason"), positions: reader.strings("positions") ?? [])
        reader.finish()
        if let trigger, !Self.isOrigin(trigger) {
            report.add(reader.place("trigger"), "must be the name of a Trigger in the same namespace, was \"\(trigger)\"")
        }
        if reason == "unreadable" {
            report.add(
                reader.place("reason"), "unreadable ones never became events, and cannot be redriven; send them anew instead")
        } else if let reason, !Self.reasons.contains(reason) {
            report.add(reader.place("reason"), "must be one of \(Self.reasons.joined(separator: ", ")), was \"\(reason)\"")
        }
        if positions.count > Self.positionsMax {
            report.add(reader.place("positions"), "must have at most \(Self.positionsMax) items, had \(positions.count)")
        }
        for (index, text) in positions.enumerated() where LogPoint(position: text) == nil {
            report.add("\(reader.place("positions"))[\(index)]", "must be a position such as 0:12, was \"\(text)\"")
        }
    }

    /// A trigger's name, or `Replay/NAME`: what a replay's sink refused stands under that name.
    private static func isOrigin(_ text: String) -> Bool {
        let prefix = "\(Replay.kind)/"
        return ResourceName.isSubdomain(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
    }
}

package import ApusPorts
import ApusTelemetry

// What others ask of the dispatcher.
extension BrokerDispatcher {
    /// Where every trigger stands, on both streams, by name.
    package func progress() -> [TriggerProgress] {
        runs.flatMap { run in
            let end = log.bounds(of: run.stream).next.offset
            return run.byName.values.sorted { $0.name < $1.name }.map { progress(of: $0, run, end: end) }
        }
    }

    /// The first offset of a stream that must stay: what a trigger may still need, also after a crash, removed ones included that
    /// are kept (promises 12 and 21). The end of the stream where nobody needs anything.
    package func keepFrom(_ stream: Stream) -> Int64 {
        let run = run(stream)
        var lowest = log.bounds(of: stream).next.offset
        for case let reader? in run.readers where !reader.isRemoved {
            lowest = min(lowest, reader.pin(durableShared: run.durableShared))
        }
        for shelved in run.shelf.values { lowest = min(lowest, shelved.pin) }
        // What is parked durably until its settling is.
        for settle in run.pending.settles + (run.flight?.change.settles ?? []) { lowest = min(lowest, settle.offset) }
        return lowest
    }

    /// Where an event stands with a trigger, or, on the dead stream, a dead letter with its trigger's sink. nil where there is no
    /// such trigger, or no such sink.
    package func standing(of offset: Int64, trigger: String, stream: Stream = .events) -> DeliveryStanding? {
        let run = run(stream)
        return run.byName[trigger]?.standing(of: offset, shared: run.shared)
    }

    /// Traces of a record that no commit has made durable yet: those of outcomes of the last moments, or of more where the store
    /// takes none. ``standing(of:trigger:stream:)`` is ahead of the store by as much.
    package func unstoredTraces(of offset: Int64, stream: Stream = .events) -> [DeliveryTrace] {
        let run = run(stream)
        return [run.flight?.change.traces ?? [], run.pending.traces].flatMap { $0.filter { $0.offset == offset } }
    }

    private func progress(of reader: ReaderRun, _ run: StreamRun, end: Int64) -> TriggerProgress {
        let next = reader.ledger.next ?? run.shared
        let lag = max(0, end - next)
        reader.meters.lag.set(Int(lag))
        return TriggerProgress(
            trigger: reader.name, stream: run.stream, next: next, lag: lag, inFlight: reader.inFlight,
            open: reader.ledger.count, parked: reader.unread?.count ?? reader.parked.count,
            nextDueAt: reader.parked.nextDueAt, stopped: reader.stopped(bounds), lastError: reader.lastError ?? run.lastError,
            delivered: reader.delivered, dead: reader.dead, lost: reader.lost,
            filterErrors: reader.filterErrors, lastFilterError: reader.lastFilterError)
    }
}

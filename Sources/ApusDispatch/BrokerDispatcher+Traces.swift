import ApusPorts
import ApusTelemetry
import CloudEvents
import EventFilters

// Every attempt leaves a trace, which rides what its cursor rides (promise 22).
//
//     what came of it      the trace becomes durable with
//     delivered            the row, or the settling, that passes the event
//     retry                the parking
//     replied, dead        the reply or the dead letter itself, in its transaction, which settles the event too; where the log
//                          has none, the row or the settling, since the append has said by then where it put the record
//     abandoned            the row or the settling, and the dead letter's mark
//
// A trace is pending before its event is closed, and each commit takes all that are pending. So no cursor is durable ahead of
// the trace that let it move: what a crash takes of traces is delivered again, and traced again.
extension BrokerDispatcher {
    /// What the last attempt at `event` came to. Both its answer and its duration are known; `hasFailed` keeps what came back.
    func trace(
        of event: OpenEvent, _ reader: ReaderRun, _ ending: DeliveryTrace.Ending, hasFailed: Bool = false
    ) -> DeliveryTrace {
        var trace = DeliveryTrace(
            reader: reader.name, offset: event.offset, attempt: event.machine.attempts,
            beganAt: event.machine.lastAttemptAt ?? event.record.appendedAt, microseconds: event.microseconds,
            status: event.status, ending: ending)
        if hasFailed { trace.text = event.failureText }
        return trace
    }

    /// The same for an outcome that is itself a record, which stands at `position`.
    func trace(
        of event: OpenEvent, _ reader: ReaderRun, written: DeliveryMachine.Action, at position: Position
    ) -> DeliveryTrace {
        switch written {
        case .reply: trace(of: event, reader, .replied(position))
        // The attempt went well; it is the reply that died.
        case .buryReply: trace(of: event, reader, .dead(position))
        case .bury: trace(of: event, reader, .dead(position), hasFailed: true)
        case .settle, .park, .abandon, .again: preconditionFailure("nothing is written for this action")
        }
    }

    /// The trace goes with the next commit. To be called before its event is closed or parked, which arms that commit.
    func record(_ trace: DeliveryTrace, _ run: StreamRun) {
        run.pending.traces.append(trace)
        boundTraces(run)
    }

    /// Commits have failed for long: the newest traces are kept. Many go at a time, as each time moves all the others.
    func boundTraces(_ run: StreamRun) {
        let most = bounds.pendingTraces
        guard run.pending.traces.count > most || run.pending.entries.count > most else { return }
        tracesDropped.add(run.pending.dropOldest(beyond: most - most / 8))
    }

    /// A dead letter sink has given up: traced, and marked.
    ///
    /// Others write a dead letter's mark too: a redrive what it came to, a person who edits or purges. Each of them knows more
    /// than "the sink did not take it", which the trace tells as well, and each may come before the sink gives up. So this mark
    /// is written only where there is none, which the store decides when it writes; and a redrive that comes later overwrites it.
    func abandoned(_ event: OpenEvent, _ reader: ReaderRun, _ run: StreamRun) {
        record(trace(of: event, reader, .abandoned, hasFailed: true), run)
        let mark = DeadLetterMark(
            .sinkFailed, at: executor.now, status: event.status, text: String(decoding: event.failureText, as: UTF8.self))
        run.pending.entries.append(
            StateEntry(key: StateKey.deadLetter(event.offset), value: mark.value, keepsExisting: true))
        boundTraces(run)
    }

    // MARK: Where a trigger began, and since when its filter holds

    /// The marks of all triggers, those that were removed included.
    func loadMarks() async throws(LogError) -> [ReaderName: TriggerMark] {
        reading += 1
        defer { reading -= 1 }
        return try await cursors.triggerMarks(pageEntriesMax: bounds.pageRecords)
    }

    /// A trigger has come with this filter, or has it from now on; the next offset that it is asked about is `next`. Where the
    /// mark says another one, it is written with the next commit: no row that went by the new filter is durable before.
    func markFilter(of plan: TriggerPlan, from next: Int64) {
        let text = plan.filter.text
        guard marks[plan.name]?.filter != text else { return }
        // One whose cursor is older than marks are: it may have looked at all there is.
        var mark =
            marks[plan.name]
            ?? TriggerMark(
                began: log.bounds(of: .events).oldest.offset, beganAt: executor.now, filterSince: next, filter: text)
        mark.filterSince = next
        mark.filter = text
        marks[plan.name] = mark
        let entry = mark.entry(of: plan.name)
        events.pending.entries.removeAll { $0.key == entry.key }
        events.pending.entries.append(entry)
        armCommit(events)
    }

    /// What a change carries that forgets a trigger's cursor on this stream.
    func forgottenMark(of trigger: ReaderName, _ run: StreamRun) -> [StateEntry] {
        run === events ? [StateEntry(key: StateKey.trigger(trigger), value: nil)] : []
    }
}

extension TriggerMark {
    func entry(of trigger: ReaderName) -> StateEntry { StateEntry(key: StateKey.trigger(trigger), value: value) }
}

extension OpenEvent {
    /// What came back from the last attempt, where it failed.
    fileprivate var failureText: [UInt8] { Array((machine.failure?.body ?? []).prefix(Limits.traceTextBytesMax)) }
}

extension Outcome {
    /// The HTTP status; 0 where no whole answer came.
    var status: Int {
        switch self {
        case .answered(let answer): answer.status
        case .failed: 0
        }
    }
}

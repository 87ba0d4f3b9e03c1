import ApusDispatch
import ApusPorts
import ApusTesting
import CloudEvents
import Testing

/// What holds of the traces that are durable, whatever has happened: each is of an attempt that was made, and no cursor has
/// passed or parked an event without the trace of the outcome that let it.
struct TraceCheck {
    /// Of one log, the oldest first; the last is the one that is looked at.
    let lives: [DispatchHarness]
    /// What an attempt was answered, as the sink's script has it.
    let script: ScriptedSink.Script
    let again: Comment

    private var log: SimLog { lives[lives.count - 1].log }

    /// Of one reader: a trigger, or the feed of its dead letter sink.
    func check(_ plan: TriggerPlan, _ stream: ApusPorts.Stream, wanted: [Int64]) {
        let url = stream == .events ? plan.destination?.url : plan.deadLetterSink?.url
        let durable = log.durable
        let cursors = durable.cursors[stream] ?? StreamCursors()
        let attempts = Dictionary(grouping: lives.flatMap(\.sink.attempts).filter { $0.destination == url }) {
            $0.record.position.offset
        }
        for offset in log.records(stream).map(\.position.offset) {
            let traces = durable.notes.traces(stream, at: offset).filter { $0.reader == plan.name }
            for trace in traces { checkTrace(trace, attempts[offset] ?? [], stream) }
            #expect(
                Set(traces.map(\.beganAt)).count == traces.count, "\(plan.name) traced an attempt at \(offset) twice. \(again)")
            guard wanted.contains(offset), let cursor = cursors.readers[plan.name] else { continue }
            if let parked = cursor.parked.first(where: { $0.offset == offset }) {
                if parked.attempts > 0 {
                    #expect(
                        traces.contains { $0.attempt == parked.attempts && $0.ending.isRetry },
                        "\(plan.name) parked \(offset) without a trace. \(again)")
                }
            } else if cursor.settled.contains(offset) || offset < cursor.next ?? cursors.shared && !cursor.open.contains(offset) {
                #expect(traces.contains { $0.ending.isFinal }, "\(plan.name) passed \(offset) without a trace. \(again)")
            }
        }
    }

    /// Whatever was attempted in the last life is traced: it has ended well.
    func checkLast(_ plan: TriggerPlan, _ stream: ApusPorts.Stream) {
        let url = stream == .events ? plan.destination?.url : plan.deadLetterSink?.url
        for attempt in lives[lives.count - 1].sink.attempts where attempt.destination == url {
            let traces = log.durable.notes.traces(stream, at: attempt.record.position.offset)
            #expect(
                traces.contains { $0.reader == plan.name && $0.beganAt == attempt.startedAt },
                "no trace of \(plan.name)'s attempt at \(attempt.record.position). \(again)")
        }
    }

    private func checkTrace(_ trace: DeliveryTrace, _ attempts: [ScriptedSink.Attempt], _ stream: ApusPorts.Stream) {
        guard let attempt = attempts.first(where: { $0.startedAt == trace.beganAt }), let ended = attempt.finishedAt else {
            Issue.record("a trace of an attempt that was not made: \(trace). \(again)")
            return
        }
        #expect(trace.microseconds == (ended - attempt.startedAt).nanosecondsHeld / 1000, "\(trace). \(again)")
        switch script(attempt)?.outcome {
        case .answered(let answer)?: #expect(trace.status == answer.status, "\(trace). \(again)")
        case .failed(let text)?:
            #expect(trace.status == 0 && trace.text == Array(text.utf8.prefix(Limits.traceTextBytesMax)), "\(trace). \(again)")
        case nil: Issue.record("a trace of an attempt that was never answered: \(trace). \(again)")
        }
        switch trace.ending {
        case .dead(let position):
            let letter = record(at: position, .dead)?.event.deadLetter
            #expect(letter?.trigger == trace.reader && letter?.position.offset == trace.offset, "\(trace). \(again)")
        case .replied(let position):
            let cause = record(at: position, .events)?.event.cause
            #expect(cause == Cause(trigger: trace.reader, position: Position(offset: trace.offset)), "\(trace). \(again)")
        case .abandoned:
            #expect(stream == .dead, "\(trace). \(again)")
            #expect(lives[lives.count - 1].mark(of: trace.offset)?.state == .sinkFailed, "\(trace). \(again)")
        case .delivered: #expect(trace.text.isEmpty, "\(trace). \(again)")
        case .retry(let dueAt): #expect(dueAt >= ended, "\(trace). \(again)")
        }
    }

    private func record(at position: Position, _ stream: ApusPorts.Stream) -> LogRecord? {
        log.records(stream).first { $0.position == position }
    }
}

extension DeliveryTrace.Ending {
    var isRetry: Bool { if case .retry = self { true } else { false } }

    /// The event is done with.
    var isFinal: Bool {
        switch self {
        case .delivered, .replied, .dead, .abandoned: true
        case .retry: false
        }
    }
}

extension DispatchHarness {
    /// What is durable of the deliveries of one record.
    func traces(of offset: Int64, _ stream: ApusPorts.Stream = .events) -> [DeliveryTrace] {
        log.durable.notes.traces(stream, at: offset)
    }

    func mark(of offset: Int64) -> DeadLetterMark? {
        log.durable.notes.value(of: StateKey.deadLetter(offset)).flatMap { DeadLetterMark($0) }
    }

    func mark(of trigger: String) -> TriggerMark? {
        log.durable.notes.value(of: StateKey.trigger(trigger)).flatMap { TriggerMark($0) }
    }

    func standing(of offset: Int64, _ trigger: String, _ stream: ApusPorts.Stream = .events) -> DeliveryStanding? {
        let dispatcher = dispatcher
        return executor.run { await dispatcher.standing(of: offset, trigger: trigger, stream: stream) }
    }

    /// What waits for its commit of the deliveries of one record.
    func unstored(of offset: Int64, _ stream: ApusPorts.Stream = .events) -> [DeliveryTrace] {
        let dispatcher = dispatcher
        return executor.run { await dispatcher.unstoredTraces(of: offset, stream: stream) }
    }

    /// Makes a change of the cursors that is not the dispatcher's, e.g. a replay's.
    func commit(_ change: CursorChange) {
        log.commit(change, receiver: NoReceiver(), token: 0)
        executor.run(for: .seconds(1))
    }
}

final class NoReceiver: AppendReceiver {
    func appended(_ outcomes: [AppendOutcome]) {}
}

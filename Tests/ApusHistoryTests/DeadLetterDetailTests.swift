import ApusHistory
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import Testing

@Suite(.timeLimit(.minutes(1))) struct `One dead letter` {
    private func trace(
        _ reader: String, at offset: Int64, attempt: Int, status: Int, text: String = "", _ ending: DeliveryTrace.Ending
    ) -> DeliveryTrace {
        DeliveryTrace(
            reader: reader, offset: offset, attempt: attempt, beganAt: Timestamp(nanoseconds: 1_767_225_600_000_000_000),
            microseconds: 1_500, status: status, text: Array(text.utf8), ending: ending)
    }

    @Test(arguments: deadLetterBackends)
    func `shows its event, the attempts of its own trigger, and what was done with it later`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        try await desk.open.log.append([LetterDesk.event("e0"), LetterDesk.event("e1", data: #"{"total": 1}"#)])
        let offset = try await desk.bury(LetterDesk.letter(event: 1, attempts: 2))
        var change = CursorChange(stream: .events)
        change.traces = [
            trace("orders", at: 1, attempt: 1, status: 503, text: "busy", .retry(dueAt: desk.harness.clock.now)),
            trace("billing", at: 1, attempt: 1, status: 200, .delivered),
            trace("orders", at: 1, attempt: 2, status: 422, text: "amount missing", .dead(Position(offset: offset))),
        ]
        try await desk.open.cursors.commit(change)
        var later = CursorChange(stream: .dead)
        later.traces = [trace("replay/redrive-a", at: offset, attempt: 1, status: 422, .abandoned)]
        later.entries = [
            StateEntry(
                key: StateKey.deadLetter(offset),
                value: DeadLetterMark(.failed, at: desk.harness.clock.now, replay: "redrive-a", attempts: 1, status: 422).value)
        ]
        try await desk.open.cursors.commit(later)

        let detail = try await desk.history.deadLetter(at: Position(offset: offset))
        #expect(detail.attempts.map(\.attempt) == [1, 2])
        #expect(detail.attempts.allSatisfy { $0.reader == "orders" })
        #expect(detail.later.map(\.reader) == ["replay/redrive-a"])
        #expect(detail.state == .failed && detail.mark?.replay == "redrive-a")
        #expect(detail.copies.isEmpty && detail.original == nil)
        let document = detail.document
        #expect(document["answer"]?["text"]?.text == "amount missing")
        #expect(document["original"]?.text == "0:1")
        #expect(document["trail"]?.json().contains(#""ending":"dead","deadLetter":"0:0""#) == true)
        await desk.open.log.close()
    }

    @Test func `shows what came back as text, or as Base64 where it is none`() {
        #expect(BytesDocument.of([]) == nil)
        #expect(BytesDocument.of(Array("a\tb\r\n".utf8))?["text"]?.text == "a\tb\r\n")
        #expect(BytesDocument.of([0x61, 0x00])?["base64"]?.text == "YQA=")
        #expect(BytesDocument.of([0xFF])?["base64"]?.text == "/w==")
    }

    @Test(arguments: deadLetterBackends)
    func `that is no dead letter, but an event, names the event's dead letters`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        func miss(_ offset: Int64) async -> String {
            do throws(DeadLetterMiss) {
                _ = try await desk.history.deadLetter(at: Position(offset: offset))
                return "found"
            } catch {
                return error.sentence(Position(offset: offset))
            }
        }
        #expect(await miss(7) == "There is no dead letter at 0:7: this broker has no dead letters.")
        try await desk.open.log.append((0..<9).map { LetterDesk.event("e\($0)") })
        let letter = try await desk.bury(LetterDesk.letter(event: 7))
        #expect(
            await miss(7) == "There is no dead letter at 0:7: the newest is at 0:0. Dead letters have positions of their own; "
                + "0:7 is an event's, of which no dead letter is known.")
        var change = CursorChange(stream: .events)
        change.traces = [trace("orders", at: 7, attempt: 1, status: 422, .dead(Position(offset: letter)))]
        try await desk.open.cursors.commit(change)
        #expect(await miss(7).hasSuffix("0:7 is an event's, and its dead letter is at 0:0."))
        #expect(await miss(99) == "There is no dead letter at 0:99: the newest is at 0:0.")
        #expect(await miss(letter) == "found")
        await desk.open.log.close()
    }

    @Test(arguments: deadLetterBackends)
    func `finds its changed copy where a crash took the copy's name`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        let original = try await desk.bury(LetterDesk.letter(event: 5))
        try await desk.bury(LetterDesk.letter(event: 6))
        try await desk.bury(LetterDesk.letter("billing", event: 5, reason: .edited))
        let copy = try await desk.bury(LetterDesk.letter(event: 5, reason: .edited))
        try await desk.mark(original, .edited)
        let detail = try await desk.history.deadLetter(at: Position(offset: original))
        #expect(detail.copies == [Position(offset: copy)])
        #expect(try await desk.history.deadLetter(at: Position(offset: copy)).state == .copied)
        await desk.open.log.close()
    }
}

import ApusHistory
import ApusIntake
import ApusPorts
import ApusResources
import CloudEvents

/// The changed copy of a dead letter (promise 18). Pure.
enum EditedLetter {
    /// The extension attribute that names the original: its position in the stream of events, as `0:12`.
    static let originalAttribute = "apusoriginal"

    /// The copy as the dead stream takes it: same trigger, same destination, what came back, and nothing tried yet.
    ///
    /// - Parameters:
    ///   - json: The whole event, in the JSON event format.
    ///   - admit: The door's checks of an event.
    static func copy(
        of original: DeadLetterDetail, event json: [UInt8], admit: (SourceEvent) throws(IntakeRefusal) -> EventRecord
    ) throws(DeadLetterRefusal) -> EventRecord {
        try checkEditable(original)
        let old = original.record.event
        let oldData = RecordDocument.data(of: old)?.bytes
        var event: CloudEvent
        do throws(CloudEventError) {
            event = try JSONFormat.decode(json)
        } catch {
            throw DeadLetterRefusal(IntakeRefusal(error))
        }
        // Data that nobody changed keeps its bytes: a signature over them stays valid.
        if let oldData, let newData = event.data, isSame(oldData, newData) { event.data = oldData }
        event.attributes.remove(originalAttribute)
        var before = old.attributes
        before.remove(originalAttribute)
        guard event.data != oldData || !isSame(event.attributes, before) else {
            throw DeadLetterRefusal(
                status: 400, code: "unchanged",
                message: "The event is as it was: nothing was changed. Redrive \(original.record.position) as it is.")
        }
        event.attributes.set(originalAttribute, to: .string("\(original.letter.position)"))
        do throws(IntakeRefusal) {
            var record = try admit(try source(event, like: old))
            record.hops = old.hops
            record.cause = old.cause
            var letter = original.letter
            letter.reason = .edited
            letter.attempts = 0
            record.deadLetter = letter
            return record
        } catch {
            throw DeadLetterRefusal(error)
        }
    }

    private static func checkEditable(_ original: DeadLetterDetail) throws(DeadLetterRefusal) {
        let position = original.record.position
        switch original.letter.reason {
        case .unreadable:
            throw .conflict(
                "\(position) is a record of \(original.letter.trigger) that never became an event, so no trigger can be "
                    + "given it: make an event of it and send that.")
        case .hopsExhausted:
            throw .conflict(
                "\(position) is a reply whose hops ran out; its trigger has delivered. A redrive appends it to the broker "
                    + "as it is; to change it, send a changed event.")
        case .rejected, .retriesExhausted, .edited: break
        }
        switch original.state {
        case .open, .failed, .sinkFailed, .copied: break
        case .edited:
            let copy = original.copies.last.map { "its changed copy is at \($0): edit that" } ?? "it has a changed copy"
            throw .conflict("\(position) was edited already; \(copy).")
        case .redriven:
            let replay = original.mark?.replay.map { " by \($0)" } ?? ""
            throw .conflict("\(position) was redriven\(replay): it is delivered, and nothing is left to edit.")
        case .purged: throw .conflict("\(position) was purged.")
        }
    }

    /// In the mode in which the original came.
    private static func source(_ event: CloudEvent, like old: EventRecord) throws(IntakeRefusal) -> SourceEvent {
        guard old.mode != .binary else { return SourceEvent(event, headers: old.headers) }
        do throws(CloudEventError) {
            return try SourceEvent(structured: JSONFormat.encode(event), headers: old.headers)
        } catch {
            throw IntakeRefusal(error)
        }
    }

    /// The same bytes, or the same JSON.
    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        if left == right { return true }
        guard let left = try? JSONReader.document(left), let right = try? JSONReader.document(right) else { return false }
        return left.json() == right.json()
    }

    private static func isSame(_ left: Attributes, _ right: Attributes) -> Bool {
        left.count == right.count
            && left.allSatisfy { attribute in
                right.text(of: attribute.name)?.utf8.elementsEqual(attribute.value.text.utf8) == true
            }
    }
}

import ApusPorts
import ApusResources
import Testing

/// Words that a document and the log have in common, where the room of documents does not see the log's.
@Suite struct `The shared words` {
    @Test func `for a dead letter's reason are the log's, but for what never was an event`() {
        let known = Set(DeadLetter.Reason.allCases.map(\.rawValue))
        #expect(known.subtracting(ReplaySpec.DeadLetters.reasons) == [DeadLetter.Reason.unreadable.rawValue])
        #expect(Set(ReplaySpec.DeadLetters.reasons).isSubset(of: known))
    }

    @Test func `for a position are read alike`() throws {
        for text in ["0:12", "12", "3:0", "", ":", "12:", ":12", "1:2:3", "-1", "0:-1", "x", "9223372036854775808"] {
            let position = Position(text)
            let point = LogPoint(position: text)
            #expect(point == position.map { .position(lane: $0.lane, offset: $0.offset) }, "\(text)")
        }
    }
}

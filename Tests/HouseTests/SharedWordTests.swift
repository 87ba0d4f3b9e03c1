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

    @Test func `for a position are a lane and an offset in digits, or the offset alone`() {
        for (text, lane, offset) in [("0:12", Int32(0), Int64(12)), ("12", 0, 12), ("3:0", 3, 0), ("0", 0, 0)] {
            #expect(Position(text) == Position(lane: lane, offset: offset))
            #expect(LogPoint(position: text) == .position(lane: lane, offset: offset))
        }
        for text in [
            "", ":", "12:", ":12", "1:2:3", "-1", "0:-1", "+12", "0:+12", "+0:12", " 12", "x", "9223372036854775808",
        ] {
            #expect(Position(text) == nil, "\(text)")
            #expect(LogPoint(position: text) == nil, "\(text)")
        }
    }
}

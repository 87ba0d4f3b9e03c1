import CloudEvents
import Testing

@testable import SourcePing

@Suite struct `A schedule` {
    @Test func `falls due on whole seconds`() throws {
        let cron = try Cron("* * * * * *")
        #expect(cron.next(after: Timestamp(nanoseconds: 1_500_000_000)) == Timestamp(nanoseconds: 2_000_000_000))
    }
}

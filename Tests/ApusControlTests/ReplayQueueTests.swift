import ApusPorts
import ApusResources
import CloudEvents
import Testing

@testable import ApusControl

private func second(_ number: Int64) -> Timestamp { Timestamp(nanoseconds: number * 1_000_000_000) }

@Suite struct `The queue of a broker's replays` {
    private func candidate(
        _ name: String, at: Int64, isRunning: Bool = false, wantsToRun: Bool = true
    ) -> ReplayQueue.Candidate {
        ReplayQueue.Candidate(name: name, createdAt: second(at), isRunning: isRunning, wantsToRun: wantsToRun)
    }

    @Test func `lets the oldest run, and says how many are before the others`() {
        let queue = ReplayQueue(
            [candidate("c", at: 3), candidate("a", at: 1), candidate("d", at: 4), candidate("b", at: 2)], max: 2)
        #expect(queue.admitted == ["a", "b"])
        #expect(queue.waiting == ["c": 0, "d": 1])
    }

    @Test func `takes no place from one that runs`() {
        let queue = ReplayQueue([candidate("old", at: 1), candidate("young", at: 2, isRunning: true)], max: 1)
        #expect(queue.admitted == ["young"])
        #expect(queue.waiting == ["old": 0])
    }

    @Test func `keeps no place for one that is paused or cannot run`() {
        let queue = ReplayQueue(
            [candidate("paused", at: 1, isRunning: true, wantsToRun: false), candidate("next", at: 2)], max: 1)
        #expect(queue.admitted == ["next"])
        #expect(queue.waiting.isEmpty)
    }

    @Test func `goes by the name among those that were made together`() {
        #expect(ReplayQueue([candidate("b", at: 1), candidate("a", at: 1)], max: 1).admitted == ["a"])
    }

    @Test func `has eight places`() {
        let queue = ReplayQueue((0..<10).map { candidate("r\($0)", at: Int64($0)) })
        #expect(queue.admitted.count == Limits.replaysRunningMax)
        #expect(queue.waiting == ["r8": 0, "r9": 1])
    }
}

@Suite struct `Replays that have ended` {
    private func ended(_ name: String, at: Int64, isOfFile: Bool = false) -> ReplayKeeping.Ended {
        ReplayKeeping.Ended(identity: identity(name), endedAt: second(at), isOfFile: isOfFile)
    }

    private func identity(_ name: String) -> ResourceIdentity {
        ResourceIdentity(kind: "Replay", namespace: "default", name: name)
    }

    @Test func `are kept for a week, and longer where a file brings them`() {
        let day: Int64 = 86_400
        let all = [ended("old", at: 0), ended("file", at: 0, isOfFile: true), ended("young", at: day)]
        #expect(ReplayKeeping.expired(all, now: second(7 * day - 1)).isEmpty)
        #expect(ReplayKeeping.expired(all, now: second(7 * day)) == [identity("old")])
        #expect(ReplayKeeping.expired(all, now: second(8 * day)) == [identity("old"), identity("young")])
    }

    @Test func `make room for another, the first that ended first`() {
        let all = [ended("b", at: 5), ended("a", at: 2), ended("file", at: 1, isOfFile: true)]
        #expect(ReplayKeeping.room(count: 3, ended: all, max: 4) == .free)
        #expect(ReplayKeeping.room(count: 4, ended: all, max: 4) == .instead(of: identity("a")))
        #expect(ReplayKeeping.room(count: 4, ended: [all[2]], max: 4) == .none)
        #expect(ReplayKeeping.room(count: Limits.replaysMax, ended: []) == .none)
    }
}

@Suite struct `The range of a replay` {
    private let bounds = StreamBounds(oldest: Position(offset: 100), next: Position(offset: 900))

    private func refusal(_ from: Int64, _ until: Int64) -> ReplayRefusal? {
        do throws(ReplayRefusal) {
            _ = try ReplayBounds.check(from: from, until: until, of: bounds)
            return nil
        } catch {
            return error
        }
    }

    @Test func `is as it was asked for, and ends where the log does`() throws {
        #expect(try ReplayBounds.check(from: 100, until: 900, of: bounds) == ReplayBounds(from: 100, until: 900))
        #expect(try ReplayBounds.check(from: 120, until: 5_000, of: bounds) == ReplayBounds(from: 120, until: 900))
        #expect(try ReplayBounds.check(from: 900, until: 900, of: bounds) == ReplayBounds(from: 900, until: 900))
    }

    @Test func `is refused where it is trimmed, with the position from which the log begins`() {
        #expect(refusal(99, 900)?.message == "from is 0:99, and the log begins at 0:100: what was before is trimmed")
        #expect(refusal(99, 900)?.status == 422)
        #expect(refusal(99, 900)?.field == "spec.from")
        #expect(refusal(100, 50)?.message == "until is 0:50, and the log begins at 0:100: what was before is trimmed")
        #expect(refusal(100, 50)?.field == "spec.until")
    }

    @Test func `is refused where it ends before it begins, or begins behind the log`() {
        #expect(refusal(300, 200)?.message == "from is 0:300, which is after until, 0:200")
        #expect(refusal(901, 5_000)?.message == "from is 0:901, and the log ends at 0:900")
    }
}

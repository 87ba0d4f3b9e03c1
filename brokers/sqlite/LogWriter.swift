internal import ApusPorts
internal import ApusTelemetry
internal import CloudEvents
internal import Dispatch
internal import Logging
internal import Synchronization

/// The one writer of a log: takes the whole queue, makes one transaction of it, and tells who waited.
///
/// A commit that fails is undone and fails every batch in it; the next is tried as if nothing had been. After an I/O error the
/// connection is opened anew first, because a failed sync says nothing true afterwards. While the log is unhealthy and
/// nothing is appended, a small write tries every second whether it has recovered.
///
/// @unchecked Sendable: `anchor` is used by `init` alone; `file`, `eventsState`, `deadState` and `passFrames` are touched by
/// `init` and then on the writer's thread only; the rest is Sendable.
final class LogWriter: @unchecked Sendable {
    let queue = WriteQueue()
    let events: StreamTail
    let dead: StreamTail
    let reader: LogReader
    let ids: IDIndex
    private let path: String
    private let clock: @Sendable () -> Timestamp
    private let logger = Logger(label: "apus.broker.sqlite")
    private let checkpointer: Checkpointer
    private let failure = Mutex<LogError?>(nil)
    private let commitCount = Atomic(0)
    private let ended = DispatchGroup()

    /// Stays open while `file` is opened anew. Were all connections closed, the next would read the write-ahead log from its
    /// start, and find there what a failed commit had written and could not sync.
    private let anchor: ReaderFile
    private var file: LogFile?
    private var eventsState: LogFile.StreamState
    private var deadState: LogFile.StreamState
    private var passFrames = 0

    /// The part of the memory for newest records that the dead stream has: one in so many.
    private static let deadCacheShare = 8
    /// A stream's totals are written down again after so many records, so that an open counts no more rows than that.
    private static let uncountedRecordsMax: Int64 = 65_536
    private var countedEvents: Int64
    private var countedDead: Int64

    /// Opens the file and starts the threads; blocks.
    init(_ path: String, clock: @escaping @Sendable () -> Timestamp, _ idBounds: IDTail.Bounds) throws(LogError) {
        self.path = path
        self.clock = clock
        let file = try LogFile(path, creating: true)
        let idsKey: [UInt8]
        do throws(SQLiteError) {
            idsKey = try file.idsKey()
            eventsState = try file.state(of: .events)
            deadState = try file.state(of: .dead)
            let anchor = try ReaderFile(path)
            self.anchor = anchor
            // A connection takes part in the write-ahead log from its first read on.
            _ = try anchor.snapshot { () throws(SQLiteError) in try anchor.cursors(of: .dead) }
        } catch {
            throw error.logError
        }
        self.file = file
        (countedEvents, countedDead) = (eventsState.next, deadState.next)
        let cache = Limits.tailCacheBytesMax
        events = StreamTail(eventsState, bytesMax: cache - cache / Self.deadCacheShare)
        dead = StreamTail(deadState, bytesMax: cache / Self.deadCacheShare)
        checkpointer = try Checkpointer(path, logger)
        reader = try LogReader(path)
        ids = try IDIndex(path, key: idsKey, events: events, bounds: idBounds)
        ended.enter()
        try SystemThread.start("apus-log") { self.work() }
    }

    var health: LogError? { failure.withLock { $0 } }

    /// Transactions that were committed since the open.
    var commits: Int { commitCount.load(ordering: .relaxed) }

    func tail(of stream: Stream) -> StreamTail {
        switch stream {
        case .events: events
        case .dead: dead
        }
    }

    /// Calls `body` once the file is closed.
    func afterEnd(_ body: @escaping @Sendable () -> Void) {
        ended.notify(queue: .global(), execute: body)
    }

    // MARK: On the writer's thread

    private func work() {
        while let writes = queue.take(waitingAtMost: health == nil ? nil : 1) {
            if writes.isEmpty {
                if health != nil { probe() }
                continue
            }
            commit(writes)
            for case .trim(let stream, let target, let completion) in writes { completion(trim(stream, to: target)) }
            checkpoint()
        }
        end()
    }

    private func commit(_ writes: [Write]) {
        var eventCount = 0
        var byteCount = 0
        var isNeeded = false
        for write in writes {
            if case .trim = write { continue }
            isNeeded = true
            guard case .append(let append) = write else { continue }
            eventCount += append.encoded.ends.count
            byteCount += append.encoded.bytes.count
        }
        guard isNeeded else { return }
        let group: GroupCommit
        do throws(LogError) {
            group = try transaction { file throws(SQLiteError) in
                var group = GroupCommit(events: eventsState, dead: deadState, now: clock())
                try group.stage(writes, in: file)
                try count(group, file)
                return group
            }
        } catch {
            queue.forget(events: eventCount, bytes: byteCount)
            GroupCommit.tell(GroupCommit.failures(of: writes, error))
            return
        }
        (eventsState, deadState) = (group.events.state, group.dead.state)
        events.append(group.events.records, sizes: group.events.sizes, fileBytes: eventsState.bytes)
        dead.append(group.dead.records, sizes: group.dead.sizes, fileBytes: deadState.bytes)
        queue.forget(events: eventCount, bytes: byteCount)
        GroupCommit.tell(group.outcomes)
        if !group.events.records.isEmpty { for observer in events.observers { observer() } }
        if !group.dead.records.isEmpty { for observer in dead.observers { observer() } }
        ids.took(group.events.records, bytes: group.events.sizes.reduce(0, +))
    }

    /// Runs `body` in one transaction of the file, which is opened anew where the last one was given up; keeps `health`.
    private func transaction<Value>(_ body: (LogFile) throws(SQLiteError) -> Value) throws(LogError) -> Value {
        let value: Value
        do throws(LogError) {
            let file = try opened()
            do throws(SQLiteError) {
                value = try file.connection.transaction { () throws(SQLiteError) in try body(file) }
            } catch {
                if !error.leavesConnectionSound { self.file = nil }
                throw error.logError
            }
        } catch {
            if health == nil { logger.error(LogMessage.logFailed, metadata: [LogKey.file: "\(path)", LogKey.error: "\(error)"]) }
            failure.withLock { $0 = error }
            throw error
        }
        commitCount.add(1, ordering: .relaxed)
        guard health != nil else { return value }
        failure.withLock { $0 = nil }
        logger.notice(LogMessage.logRecovered, metadata: [LogKey.file: "\(path)"])
        return value
    }

    /// The file; opened anew where it was given up. What it holds then is believed, whatever was expected.
    private func opened() throws(LogError) -> LogFile {
        if let file { return file }
        let file = try LogFile(path, creating: false)
        do throws(SQLiteError) {
            let (events, dead) = (try file.state(of: .events), try file.state(of: .dead))
            if events.next != eventsState.next { self.events.reset(events) }
            if dead.next != deadState.next { self.dead.reset(dead) }
            (eventsState, deadState) = (events, dead)
        } catch {
            throw error.logError
        }
        self.file = file
        return file
    }

    /// Writes a stream's totals down where they were not for long.
    private func count(_ group: GroupCommit, _ file: LogFile) throws(SQLiteError) {
        if group.events.state.next - countedEvents >= Self.uncountedRecordsMax {
            try file.write(group.events.state, .events)
            countedEvents = group.events.state.next
        }
        if group.dead.state.next - countedDead >= Self.uncountedRecordsMax {
            try file.write(group.dead.state, .dead)
            countedDead = group.dead.state.next
        }
    }

    private func probe() {
        // Whether it went well stands in `health`, which is what a probe is for.
        try? transaction { file throws(SQLiteError) in try file.probe() }
    }

    private func trim(_ stream: Stream, to target: Int64) -> Result<Write.TrimStep, LogError> {
        let before = stream == .events ? eventsState : deadState
        var (after, isWhole) = (before, true)
        do throws(LogError) {
            try transaction { file throws(SQLiteError) in
                let state = stream == .events ? self.eventsState : self.deadState
                (after, isWhole) = try file.trim(stream, state, to: min(target, state.next))
            }
        } catch {
            return .failure(error)
        }
        if stream == .events { eventsState = after } else { deadState = after }
        tail(of: stream).trim(to: after.oldest, fileBytes: after.bytes)
        let result = TrimResult(removed: after.oldest - before.oldest, oldest: Position(offset: after.oldest))
        return .success(Write.TrimStep(result: result, isWhole: isWhole))
    }

    private func checkpoint() {
        guard let file else { return }
        let frames = file.connection.walFrames
        if checkpointer.wantsRestart(frames: frames) {
            // Readers are short; one that is not now will be waited for at the next commit.
            file.connection.setBusyTimeout(milliseconds: 25)
            do { try file.connection.checkpoint(.restart) } catch { self.file = error.leavesConnectionSound ? file : nil }
            file.connection.setBusyTimeout(milliseconds: 5000)
        }
        if frames < passFrames { passFrames = 0 }
        guard frames - passFrames >= Checkpointer.dueFrames else { return }
        passFrames = frames
        checkpointer.pass()
    }

    private func end() {
        reader.stop()
        checkpointer.stop()
        ids.stop()
        if let file = try? opened() {
            // What is not written down now is counted again by the next open.
            try? file.connection.transaction { () throws(SQLiteError) in
                try file.write(eventsState, .events)
                try file.write(deadState, .dead)
            }
            _ = try? file.connection.checkpoint(.truncate)
        }
        file = nil
        ended.leave()
    }
}

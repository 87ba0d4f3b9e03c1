internal import ApusPorts
internal import CSQLite
internal import CloudEvents
internal import Synchronization

/// Finds events by their id: an index beside the log, written behind it, on a thread and with connections of its own
/// (promise 22).
///
///     commit ─► tail: a hash an event, in memory ── 65 536 of them ──► run, sorted, in `<log>.ids`
///     log    ─► what neither covers: after a restart, or where the file was lost ──► runs, tail
///
/// What the index says is a hint: each event is read and its id compared. What no run and no tail covers is looked up in the log
/// itself, so an answer is right at any time, and only slower while the index is made.
///
/// @unchecked Sendable: `log`, `file` and `isChecked` are touched on `thread` only; the rest is Sendable.
final class IDIndex: @unchecked Sendable {
    let hash: IDHash
    let events: StreamTail
    let thread: WorkThread
    let tail: Mutex<IDTail>
    private let path: String
    private let key: [UInt8]
    private let stopped = Atomic(false)

    private var log: ReaderFile?
    private(set) var file: IDFile?
    /// Whether the file was looked for; one that is not there is made with the first run.
    private var isChecked = false

    init(_ path: String, key: [UInt8], events: StreamTail, bounds: IDTail.Bounds) throws(LogError) {
        self.path = path
        self.key = key
        self.events = events
        hash = IDHash(key: key)
        tail = Mutex(IDTail(first: events.bounds.next.offset, bounds: bounds))
        thread = try WorkThread("apus-ids")
        thread.run { self.fill() }
    }

    /// Takes events that became durable. Called by the writer.
    func took(_ records: [LogRecord], bytes: Int) {
        guard let first = records.first else { return }
        let hashes = records.map { hash.hash($0.event.attributes.text(of: "id") ?? "") }
        let mustBuild = tail.withLock { $0.append(hashes, first: first.position.offset, bytes: bytes) }
        if mustBuild { thread.run { self.build() } }
    }

    /// The oldest events are gone.
    func trimmed() { thread.run { self.dropTrimmed() } }

    /// Where events with this id stand, ascending; the newest `limit` of them.
    func positions(ofID id: String, limit: Int) async throws(LogError) -> [Position] {
        try await thread.value { () throws(LogError) in
            let offsets: [Int64]
            do throws(SQLiteError) {
                offsets = try self.offsets(ofID: id, limit: limit)
            } catch {
                self.failed(error)
                throw error.logError
            }
            guard !self.isStopped else { throw .closed }
            return offsets.map { Position(offset: $0) }
        }
    }

    /// Ends the thread and closes the files; blocks. Look-ups after this fail with ``LogError/closed``.
    func stop() {
        stopped.store(true, ordering: .relaxed)
        thread.stop {
            self.log = nil
            self.file = nil
        }
    }

    // MARK: On the index's thread

    /// Whether what takes long should end.
    var isStopped: Bool { stopped.load(ordering: .relaxed) }

    /// The log; and ``file``, where there is one. Runs of records that the log has no more are forgotten.
    func opened() throws(SQLiteError) -> ReaderFile {
        let log = try openedLog()
        if !isChecked {
            isChecked = true
            do throws(SQLiteError) {
                let file = try IDFile(ofLog: path, key: key, creating: false)
                self.file = file
                try check(file, log)
            } catch {
                file = nil
                // Anything else is that there is none, as a rule, or will be met again when a run is written.
                if error.spoilsIndex { removeFiles() }
            }
        }
        if let lost = tail.withLock({ $0.takeLost() }), let file {
            for run in file.runs where run.end > lost { try file.drop(run) }
        }
        return log
    }

    /// The file, which is made where it is not there.
    func made() throws(SQLiteError) -> IDFile {
        if let file { return file }
        let new = try IDFile(ofLog: path, key: key, creating: true)
        file = new
        return new
    }

    /// Gives up what cannot be used any more; a file that is damaged is removed, and made anew later.
    func failed(_ error: SQLiteError) {
        guard !error.leavesConnectionSound else { return }
        (log, file) = (nil, nil)
        if error.spoilsIndex { removeFiles() }
    }

    private func removeFiles() {
        for path in IDFile.paths(ofLog: path) { try? Folder.removeFile(path) }
    }

    /// Append time of the event at an offset, or of one that was appended with it: what a run is known by. nil where it is gone,
    /// 0 where it is damaged.
    func time(at offset: Int64, in log: ReaderFile) throws(SQLiteError) -> Int64? {
        do throws(SQLiteError) {
            return try log.snapshot { () throws(SQLiteError) in try log.rowTime(.events, at: offset) }
        } catch {
            guard error.isCorruption else { throw error }
            return 0
        }
    }

    private func openedLog() throws(SQLiteError) -> ReaderFile {
        if let log { return log }
        let new = try ReaderFile(path)
        log = new
        return new
    }

    /// Forgets what is not of this log as it is: a copy of it may have been put in its place.
    private func check(_ file: IDFile, _ log: ReaderFile) throws(SQLiteError) {
        let bounds = events.bounds
        for run in file.runs where run.end > bounds.next.offset { try file.drop(run) }
        guard let run = file.runs.last, run.end > bounds.oldest.offset else { return }
        guard try time(at: run.end - 1, in: log) == run.lastTime else {
            throw SQLiteError(code: SQLITE_CORRUPT, message: "the index is of another log")
        }
    }
}

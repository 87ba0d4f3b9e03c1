internal import ApusPorts
internal import ApusTelemetry
internal import Logging
internal import Synchronization

/// Moves the write-ahead log into the file, on a thread and a connection of its own, while the writer goes on.
///
///     frames   0 ──── due ──── due ──── due ──── restart ──── ··· ──── forced
///     thread          pass     pass     pass, again until it is near
///     writer                                     moves the rest, and begins the log anew
///
/// A passive pass never catches up with a writer that does not pause, so the log could grow without end. Past `restartFrames` the
/// writer itself moves the little that is left, which lets its next frame be the log's first.
///
/// @unchecked Sendable: `connection` and its `deinit` are touched on `thread` only; the rest is atomic or a `let`.
final class Checkpointer: @unchecked Sendable {
    /// Frames are of 16 KiB: 32 MiB, 64 MiB, 512 MiB and 2 MiB.
    static let dueFrames = 2048
    static let restartFrames = 4096
    static let forcedFrames = 32_768
    static let nearFrames = 128
    private static let passesMax = 8

    private final class Link {
        let connection: Connection

        init(_ path: String) throws(SQLiteError) {
            connection = try Connection(path, .write)
            try connection.execute("PRAGMA synchronous = FULL")
        }
    }

    private let path: String
    private let thread: WorkThread
    private let logger: Logger
    private var link: Link?
    private let isRunning = Atomic(false)
    private let isNear = Atomic(false)

    init(_ path: String, _ logger: Logger) throws(LogError) {
        self.path = path
        self.logger = logger
        thread = try WorkThread("apus-checkpoint")
    }

    /// Begins a pass where none is being made. Called by the writer.
    func pass() {
        guard isRunning.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else { return }
        thread.run {
            self.run()
            self.isRunning.store(false, ordering: .releasing)
        }
    }

    /// Whether the writer should move the rest itself. It may only while no pass is being made.
    func wantsRestart(frames: Int) -> Bool {
        guard frames >= Self.restartFrames, !isRunning.load(ordering: .acquiring) else { return false }
        return isNear.exchange(false, ordering: .relaxed) || frames >= Self.forcedFrames
    }

    func stop() { thread.stop { self.link = nil } }

    private func opened() throws(SQLiteError) -> Link {
        if let link { return link }
        let new = try Link(path)
        link = new
        return new
    }

    private func run() {
        do throws(SQLiteError) {
            let link = try opened()
            for _ in 0..<Self.passesMax {
                let (frames, moved) = try link.connection.checkpoint(.passive)
                guard frames - moved > Self.nearFrames else {
                    isNear.store(true, ordering: .relaxed)
                    return
                }
            }
        } catch {
            // What a failed pass wrote is written again by the next: the log keeps it until a pass was synced.
            link = nil
            logger.error(LogMessage.checkpointFailed, metadata: [LogKey.file: "\(path)", LogKey.error: "\(error)"])
        }
    }
}

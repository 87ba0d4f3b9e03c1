package import ApusPorts

/// The class `Memory`: a log that lives and dies with the process. For tests and for trying things out.
package enum MemoryBackend: LogBackend {
    package static var brokerClass: String { "Memory" }
    package static var durability: String { "A 202 means that the event is in this process's memory: a restart loses it." }

    package static var waivers: [String: String] {
        let reason = "the class keeps nothing beyond the process, which its name and promise 1 say"
        return [
            "keeps records and bounds when it is closed and opened again": reason,
            "goes on with its offsets when it is opened again, even where all was trimmed": reason,
            "never goes back in time when it is opened again": reason,
            "keeps cursors when it is closed and opened again": reason,
            "makes what is queued durable before it closes": reason,
            "keeps entries and traces when it is closed and opened again": reason,
            "finds events by their id when it is closed and opened again": reason,
        ]
    }

    package static func open(_ context: BackendContext) async throws(LogError) -> OpenLog {
        let log = MemoryLog(clock: context.clock)
        return OpenLog(log: log, cursors: log)
    }
    /// A closed log is gone already.
    package static func remove(_ context: BackendContext) async throws(LogError) {}
}

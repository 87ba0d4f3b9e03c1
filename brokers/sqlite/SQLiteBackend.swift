package import ApusPorts

/// The class `SQLite`: one file a broker, `brokers/<namespace>_<name>_<uid>.db` in the data directory, and beside it an
/// index of ids, `<file>.ids`, which may be lost.
package enum SQLiteBackend: LogBackend {
    package static var brokerClass: String { "SQLite" }
    package static var durability: String {
        "A 202 means that the event was written to this node's disk and synced, so that it survives a crash and a loss of power."
    }

    package static func open(_ context: BackendContext) async throws(LogError) -> OpenLog {
        let path = try path(of: context)
        let log = try await SystemThread.value("apus-open") { () throws(LogError) in
            try Folder.make("\(context.dataDirectory)/brokers")
            return try SQLiteLog(path: path, clock: context.clock)
        }
        return OpenLog(log: log, cursors: log)
    }

    package static func remove(_ context: BackendContext) async throws(LogError) {
        let path = try path(of: context)
        try await SystemThread.value("apus-remove") { () throws(LogError) in
            for file in IDFile.paths(ofLog: path) + ["-wal", "-shm", ""].map({ "\(path)\($0)" }) { try Folder.removeFile(file) }
        }
    }

    /// The file of a broker's log. A name that could leave the folder is refused.
    package static func path(of context: BackendContext) throws(LogError) -> String {
        for part in [context.namespace, context.broker, context.uid] {
            let isPlain = part.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): true
                default: false
                }
            }
            guard isPlain, !part.isEmpty else {
                throw .unavailable(reason: "\"\(part)\" cannot be part of a log's file name: letters, digits, '-' and '.' can")
            }
        }
        return "\(context.dataDirectory)/brokers/\(context.namespace)_\(context.broker)_\(context.uid).db"
    }
}

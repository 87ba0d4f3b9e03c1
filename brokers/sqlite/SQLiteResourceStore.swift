package import ApusPorts
package import ApusResources
internal import CloudEvents

/// The node's resources in `apus.db` of the data directory, on a thread of its own. Errors are ``LogError``.
///
/// @unchecked Sendable: `file` is touched by `init` and then on `thread` only; the rest is Sendable.
package final class SQLiteResourceStore: ResourceStore, @unchecked Sendable {
    private final class File {
        let connection: Connection

        init(_ path: String) throws(LogError) {
            let connection: Connection
            do { connection = try Connection(path, .create) } catch { throw error.logError }
            try FileFormat.resources.prepare(connection, path)
            self.connection = connection
        }
    }

    private let path: String
    private let thread: WorkThread
    private var file: File?

    private init(path: String) throws(LogError) {
        self.path = path
        file = try File(path)
        thread = try WorkThread("apus-resources")
    }

    /// Opens `apus.db` in a data directory that is there, or makes it.
    package static func open(dataDirectory: String) async throws(LogError) -> SQLiteResourceStore {
        try await SystemThread.value("apus-open") { () throws(LogError) in
            try SQLiteResourceStore(path: "\(dataDirectory)/apus.db")
        }
    }

    package func loadAll() async throws -> [StoredResource] {
        try await run { connection throws(SQLiteError) in
            let rows = try connection.prepare(
                """
                SELECT kind, namespace, name, uid, document, generation, resource_version, created_at, file, removed_at
                FROM resources ORDER BY kind, namespace, name
                """)
            var resources: [StoredResource] = []
            while try rows.step() {
                resources.append(
                    StoredResource(
                        key: ResourceIdentity(kind: rows.text(0), namespace: rows.text(1), name: rows.text(2)), uid: rows.text(3),
                        document: rows.text(4), generation: rows.integer(5), resourceVersion: rows.integer(6),
                        createdAt: Timestamp(nanoseconds: rows.integer(7)), file: rows.optionalText(8),
                        removedAt: rows.optionalInteger(9).map { Timestamp(nanoseconds: $0) }))
            }
            return resources
        }
    }

    package func write(_ upserts: [StoredResource], forget: [ResourceIdentity]) async throws {
        try await run { connection throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                let put = try connection.prepare(
                    "INSERT OR REPLACE INTO resources VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
                for resource in upserts {
                    try put.run(
                        .text(resource.key.kind), .text(resource.key.namespace), .text(resource.key.name), .text(resource.uid),
                        .text(resource.document), .integer(resource.generation), .integer(resource.resourceVersion),
                        .integer(resource.createdAt.nanoseconds), .optional(resource.file),
                        .optional(resource.removedAt?.nanoseconds))
                }
                let drop = try connection.prepare("DELETE FROM resources WHERE kind = ?1 AND namespace = ?2 AND name = ?3")
                for key in forget { try drop.run(.text(key.kind), .text(key.namespace), .text(key.name)) }
            }
        }
    }

    package func close() async {
        try? await SystemThread.value("apus-close") { () throws(LogError) in self.thread.stop { self.file = nil } }
    }

    private func opened() throws(LogError) -> File {
        if let file { return file }
        let new = try File(path)
        file = new
        return new
    }

    private func run<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Connection) throws(SQLiteError) -> Value
    ) async throws(LogError) -> Value {
        try await thread.value { () throws(LogError) in
            let file = try self.opened()
            do throws(SQLiteError) {
                return try body(file.connection)
            } catch {
                if !error.leavesConnectionSound { self.file = nil }
                throw error.logError
            }
        }
    }
}

extension SQLiteResourceStore: ProgressStore {
    package func loadProgress(of uid: String, _ name: String) async throws(LogError) -> [UInt8]? {
        try await run { connection throws(SQLiteError) in
            let row = try connection.prepare("SELECT value FROM progress WHERE uid = ?1 AND name = ?2")
            try row.bind(.text(uid), .text(name))
            guard try row.step() else { return nil }
            return row.withBlob(0) { bytes in bytes.withUnsafeBytes { Array($0) } }
        }
    }

    package func saveProgress(of uid: String, _ name: String, _ value: [UInt8]?) async throws(LogError) {
        try await run { connection throws(SQLiteError) in
            guard let value else {
                try connection.prepare("DELETE FROM progress WHERE uid = ?1 AND name = ?2").run(.text(uid), .text(name))
                return
            }
            try connection.prepare("INSERT OR REPLACE INTO progress VALUES (?1, ?2, ?3)")
                .run(.text(uid), .text(name), .blob(value))
        }
    }

    package func forgetProgress(of uid: String) async throws(LogError) {
        try await run { connection throws(SQLiteError) in
            try connection.prepare("DELETE FROM progress WHERE uid = ?1").run(.text(uid))
        }
    }
}

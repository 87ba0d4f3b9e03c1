package import ApusPorts
package import ApusResources
package import CloudEvents

/// A copy of a node's data directory, whole and consistent, made while the node runs or stands still.
///
/// Each file is copied in one read transaction: what was answered 202 before the copy began is in it. The resources come first,
/// so that every broker they name has its log. Ids files are left out: a node makes them anew. A backup appears under its name
/// only once it is whole and synced.
package struct Backup: Sendable, Equatable {
    package struct File: Sendable, Equatable {
        /// From the data directory on, e.g. `apus.db`.
        package var path: String
        package var bytes: Int64
        /// CRC-32C of all of them.
        package var checksum: UInt32
        /// What each of its streams holds; empty for a file that is no log.
        package var streams: [StreamContent]
    }

    package struct StreamContent: Sendable, Equatable {
        package var stream: Stream
        package var bounds: StreamBounds
        /// Records whose bytes are damaged.
        package var damaged: Int
    }

    /// Why a backup cannot be made, or is none, as a sentence.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package var description: String

        package init(_ description: String) { self.description = description }

    }

    /// The version of ``document``.
    static let format: Int64 = 1
    static let manifestName = "backup.json"

    package var madeAt: Timestamp
    package var files: [File]

    /// What `backup.json` says.
    package var document: DocumentNode {
        .mapping([
            ("kind", .string("apus backup")), ("format", .integer(Self.format)), ("madeAt", .string(madeAt.rfc3339)),
            (
                "files",
                .sequence(
                    files.map { file in
                        .mapping([
                            ("path", .string(file.path)), ("bytes", .integer(file.bytes)), ("crc32c", .integer(file.checksum)),
                            ("streams", file.streams.isEmpty ? nil : .sequence(file.streams.map(\.document))),
                        ])
                    })
            ),
        ])
    }

    /// Copies the data directory at `source` into a new folder `target`. Blocks.
    ///
    /// - Parameter copied: Told which file is being copied, and the share of it that is done.
    package static func make(
        of source: String, to target: String, now: Timestamp, copied: (_ path: String, _ share: Double) -> Void = { _, _ in }
    ) throws(Failure) -> Backup {
        guard Folder.exists("\(source)/\(resourcesName)") else {
            throw Failure("\(source) is no data directory of apus: it has no \(resourcesName). Name it with --data DIR")
        }
        guard !Folder.exists(target) else { throw Failure("\(target) is there already; a backup needs a name of its own") }
        let partial = try place(of: target) + ".partial"
        do { try removeUnfinished(partial) } catch { throw Failure(of: error) }
        do {
            try Folder.make("\(partial)/brokers")
            var files: [File] = []
            for path in try dataFiles(of: source) {
                try copy("\(source)/\(path)", to: "\(partial)/\(path)") { copied(path, $0) }
                files.append(try File(path, in: partial))
            }
            let backup = Backup(madeAt: now, files: files)
            try Folder.save(Array(backup.document.json(pretty: true).utf8), to: "\(partial)/\(manifestName)")
            try Folder.move(partial, to: target)
            return backup
        } catch {
            try? Folder.remove(partial)
            throw Failure(of: error)
        }
    }

    /// A path without the slashes at its end, which name the folder itself and not its entry.
    private static func place(of target: String) throws(Failure) -> String {
        guard let last = target.utf8.lastIndex(where: { $0 != UInt8(ascii: "/") }) else {
            throw Failure("\"\(target)\" is no place for a backup, which needs a name of its own")
        }
        return String(target[...last])
    }

    /// What a backup that was cut off has left; anything else under that name is somebody's, and stays.
    private static func removeUnfinished(_ partial: String) throws {
        guard Folder.exists(partial) else { return }
        let others = try Folder.names(in: partial).filter { name in
            !["brokers", manifestName].contains(name) && !name.hasPrefix(resourcesName)
        }
        guard others.isEmpty else {
            throw Failure("\(partial) is in the way, and no backup that was cut off: it holds \(others.sorted()[0])")
        }
        try Folder.remove(partial)
    }

    /// Reads a backup and holds every byte and every record of it against what it says. Blocks.
    package static func check(_ folder: String) throws(Failure) -> Backup {
        let backup = try read(folder)
        for said in backup.files { try said.expect(in: folder) }
        return backup
    }

    /// Puts a backup, which is checked first, into a data directory that holds nothing yet, and checks what stands there then.
    /// Blocks.
    package static func restore(_ folder: String, to target: String) throws(Failure) -> Backup {
        let backup = try check(folder)
        do {
            let directory = try DataDirectory.lock(target)
            defer { withExtendedLifetime(directory) {} }
            let taken = try Folder.names(in: target).filter { $0 != "lock" }
            guard taken.isEmpty else {
                throw Failure(
                    "\(target) is not empty (\(taken.sorted().prefix(3).joined(separator: ", "))): "
                        + "a backup is restored to a data directory of its own")
            }
            try Folder.make("\(target)/brokers")
            for file in backup.files {
                try Folder.copy("\(folder)/\(file.path)", to: "\(target)/\(file.path)")
                try file.expect(in: target)
            }
            for path in ["\(target)/brokers", target] { Folder.sync(path) }
            return backup
        } catch {
            throw Failure(of: error)
        }
    }

    /// The resources first: every broker that they name has its log then.
    private static func dataFiles(of folder: String) throws(LogError) -> [String] {
        let logs = Folder.exists("\(folder)/brokers") ? try Folder.names(in: "\(folder)/brokers") : []
        return [resourcesName] + logs.filter { $0.hasSuffix(".db") }.sorted().map { "brokers/\($0)" }
    }

    private static func copy(_ source: String, to target: String, copied: (Double) -> Void) throws(LogError) {
        do throws(SQLiteError) {
            let from = try Connection(source, .read)
            let to = try Connection(target, .create)
            // Nothing of the target is worth a journal: a copy that is cut off is thrown away.
            try to.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            try from.execute("BEGIN")
            _ = try from.integer("SELECT count(*) FROM sqlite_schema")
            try from.copy(to: to, copied: copied)
            try from.execute("COMMIT")
        } catch {
            throw error.logError
        }
        try Folder.syncFile(target)
    }

    private static let resourcesName = "apus.db"
}

// MARK: What `backup.json` says

extension Backup {
    private static func read(_ folder: String) throws(Failure) -> Backup {
        let path = "\(folder)/\(manifestName)"
        guard Folder.exists(path) else { throw Failure("\(folder) is no backup of apus: it has no \(manifestName)") }
        let document: DocumentNode
        do {
            document = try JSONReader.document(try Folder.contents(of: path))
        } catch {
            throw Failure("\(path) cannot be read: \(error)")
        }
        guard document["format"]?.integer == format else {
            throw Failure("\(path) is of another format than \(format): restore it with the apus that made it")
        }
        guard let madeAt = document["madeAt"]?.text.flatMap(MomentText.moment),
            case .sequence(let nodes)? = document["files"]?.content
        else { throw Failure("\(path) does not say when it was made, and of which files") }
        let files = nodes.compactMap(File.init)
        guard files.count == nodes.count else { throw Failure("\(path) names a file in a way that cannot be read") }
        return Backup(madeAt: madeAt, files: files)
    }
}

extension Backup.File {
    /// The file as it is: all of its bytes, and all records of its streams.
    fileprivate init(_ path: String, in folder: String) throws {
        self.path = path
        (bytes, checksum) = try Folder.checksum("\(folder)/\(path)")
        do throws(SQLiteError) {
            streams = path.hasPrefix("brokers/") ? try ReaderFile("\(folder)/\(path)", .immutable).contents() : []
        } catch {
            throw Backup.Failure("\(folder)/\(path) cannot be read: \(error.message)")
        }
    }

    /// Fails where the file in `folder` is not what this says.
    fileprivate func expect(in folder: String) throws(Backup.Failure) {
        let place = "\(folder)/\(path)"
        guard Folder.exists(place) else { throw Backup.Failure("\(folder) is not whole: \(path) is missing") }
        let found: Backup.File
        do { found = try Backup.File(path, in: folder) } catch { throw Backup.Failure(of: error) }
        guard found.bytes == bytes, found.checksum == checksum else {
            throw Backup.Failure(
                "\(place) is not what was backed up: it has \(found.bytes) bytes with the CRC-32C \(found.checksum), "
                    + "and should have \(bytes) with \(checksum)")
        }
        guard found == self else { throw Backup.Failure("\(place) does not hold the records that the backup says") }
    }

    fileprivate init?(_ document: DocumentNode) {
        guard let path = document["path"]?.text, !path.split(separator: "/").contains(".."), !path.hasPrefix("/"),
            let bytes = document["bytes"]?.integer, let checksum = document["crc32c"]?.integer.flatMap({ UInt32(exactly: $0) })
        else { return nil }
        var streams: [Backup.StreamContent] = []
        if case .sequence(let nodes)? = document["streams"]?.content {
            streams = nodes.compactMap(Backup.StreamContent.init)
            guard streams.count == nodes.count else { return nil }
        }
        self.init(path: path, bytes: bytes, checksum: checksum, streams: streams)
    }
}

extension Backup.StreamContent {
    fileprivate init?(_ document: DocumentNode) {
        guard let stream = document["stream"]?.text.flatMap(Stream.init(rawValue:)),
            let oldest = document["oldest"]?.text.flatMap({ Position($0) }),
            let next = document["next"]?.text.flatMap({ Position($0) }),
            let damaged = document["damaged"]?.integer
        else { return nil }
        self.init(stream: stream, bounds: StreamBounds(oldest: oldest, next: next), damaged: Int(damaged))
    }

    fileprivate var document: DocumentNode {
        .mapping([
            ("stream", .string(stream.rawValue)), ("oldest", .string("\(bounds.oldest)")), ("next", .string("\(bounds.next)")),
            ("damaged", .integer(damaged)),
        ])
    }
}

extension Backup.Failure {
    fileprivate init(of error: any Error) {
        switch error {
        case let failure as Self: self = failure
        case LogError.unavailable(let reason): self.init(reason)
        case let error as LogError: self.init(error.sentence)
        default: self.init("\(error)")
        }
    }
}

extension DocumentNode {
    fileprivate var integer: Int64? {
        guard case .number(let text) = content else { return nil }
        return Int64(text)
    }
}

extension ReaderFile {
    /// What the streams hold, each record looked at, once SQLite has found the file's structure sound.
    fileprivate func contents() throws(SQLiteError) -> [Backup.StreamContent] {
        try snapshot { () throws(SQLiteError) in
            try checkStructure()
            var contents: [Backup.StreamContent] = []
            for stream in Stream.allCases { contents.append(try content(of: stream)) }
            return contents
        }
    }

    private func content(of stream: Stream) throws(SQLiteError) -> Backup.StreamContent {
        let oldest = try oldest(of: stream)
        var next = oldest
        var damaged = 0
        while true {
            switch try page(stream, from: next, ReadLimit(records: Limits.readPageRecordsMax)) {
            case .success(let records):
                guard let last = records.last else {
                    let bounds = StreamBounds(oldest: Position(offset: oldest), next: Position(offset: next))
                    return Backup.StreamContent(stream: stream, bounds: bounds, damaged: damaged)
                }
                next = last.position.offset + 1
            case .failure:
                damaged += 1
                next += 1
            }
        }
    }
}

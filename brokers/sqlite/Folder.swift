internal import ApusPorts

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Folders that are there after a loss of power, too.
enum Folder {
    /// What the last call of the system met.
    static var reason: String { String(cString: strerror(errno)) }

    /// Makes a folder and those above it, with mode 0700, and syncs each one's entry.
    static func make(_ path: String) throws(LogError) {
        var code = makeOne(path)
        if code == ENOENT, !path.isEmpty, parent(of: path) != path {
            try make(parent(of: path))
            // Once more only: some file systems (/proc) answer ENOENT although the folder above is there.
            code = makeOne(path)
        }
        switch code {
        case 0: sync(parent(of: path))
        case EEXIST: return
        default: throw .unavailable(reason: "the folder \(path) cannot be made: \(String(cString: strerror(code)))")
        }
    }

    private static func makeOne(_ path: String) -> Int32 { mkdir(path, 0o700) == 0 ? 0 : errno }

    /// Removes a file; one that is not there is no error.
    static func removeFile(_ path: String) throws(LogError) {
        guard unlink(path) != 0, errno != ENOENT else { return }
        throw .unavailable(reason: "\(path) cannot be removed: \(reason)")
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Best effort: a file system that cannot sync a folder keeps its entries by other means.
    static func sync(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}

// Whole files: what a backup is made of.
extension Folder {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// What a folder holds, `.` and `..` aside, in no order.
    static func names(in folder: String) throws(LogError) -> [String] {
        guard let listing = opendir(folder) else { throw failure("\(folder) cannot be listed") }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a file, or a folder with all that is in it; one that is not there is no error.
    static func remove(_ path: String) throws(LogError) {
        guard exists(path) else { return }
        if rmdir(path) == 0 || errno == ENOENT { return }
        guard errno == ENOTEMPTY || errno == EEXIST else { return try removeFile(path) }
        for name in try names(in: path) { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw failure("\(path) cannot be removed") }
    }

    static func move(_ path: String, to target: String) throws(LogError) {
        guard rename(path, target) == 0 else { throw failure("\(path) cannot be renamed to \(target)") }
        sync(parent(of: target))
    }

    static func syncFile(_ path: String) throws(LogError) {
        try withFile(path, O_RDONLY) { descriptor throws(LogError) in
            guard fsync(descriptor) == 0 else { throw failure("\(path) cannot be synced") }
        }
    }

    static func contents(of path: String) throws(LogError) -> [UInt8] {
        var bytes: [UInt8] = []
        try forEachPiece(of: path) { piece throws(LogError) in bytes += piece }
        return bytes
    }

    /// A file's length and the CRC-32C of its bytes.
    static func checksum(_ path: String) throws(LogError) -> (bytes: Int64, checksum: UInt32) {
        var state = CRC32C.start
        var count: Int64 = 0
        try forEachPiece(of: path) { piece throws(LogError) in
            state = piece.withUnsafeBytes { CRC32C.update(state, $0) }
            count += Int64(piece.count)
        }
        return (count, CRC32C.finish(state))
    }

    static func save(_ bytes: [UInt8], to path: String) throws(LogError) {
        try withFile(path, O_WRONLY | O_CREAT | O_EXCL) { descriptor throws(LogError) in
            try put(bytes[...], descriptor, path)
            guard fsync(descriptor) == 0 else { throw failure("\(path) cannot be synced") }
        }
    }

    /// Copies a file that nobody writes.
    static func copy(_ path: String, to target: String) throws(LogError) {
        try withFile(target, O_WRONLY | O_CREAT | O_EXCL) { descriptor throws(LogError) in
            try forEachPiece(of: path) { piece throws(LogError) in try put(piece, descriptor, target) }
            guard fsync(descriptor) == 0 else { throw failure("\(target) cannot be synced") }
        }
    }

    private static func put(_ bytes: ArraySlice<UInt8>, _ descriptor: Int32, _ path: String) throws(LogError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw failure("\(path) cannot be written") }
            rest = rest.dropFirst(count)
        }
    }

    private static func forEachPiece(
        of path: String, _ body: (ArraySlice<UInt8>) throws(LogError) -> Void
    ) throws(LogError) {
        try withFile(path, O_RDONLY) { descriptor throws(LogError) in
            var buffer = [UInt8](repeating: 0, count: pieceBytes)
            while true {
                let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
                guard count >= 0 else { throw failure("\(path) cannot be read") }
                guard count > 0 else { return }
                try body(buffer[..<count])
            }
        }
    }

    private static let pieceBytes = 1_048_576

    private static func withFile(
        _ path: String, _ flags: Int32, _ body: (Int32) throws(LogError) -> Void
    ) throws(LogError) {
        let descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("\(path) cannot be opened") }
        defer { close(descriptor) }
        try body(descriptor)
    }

    private static func failure(_ what: String) -> LogError { .unavailable(reason: "\(what): \(reason)") }
}

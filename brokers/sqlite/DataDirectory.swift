internal import ApusPorts

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Why a data directory cannot be used, as a sentence.
package struct DataDirectoryError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    package init(description: String) { self.description = description }
}

/// The node's data directory, locked: one process a directory. The lock goes when this does, or with the process.
package final class DataDirectory: Sendable {
    package let path: String
    private let descriptor: Int32

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Makes the directory where it is not there, readable by its owner alone, and locks it.
    package static func lock(_ path: String) throws(DataDirectoryError) -> DataDirectory {
        do throws(LogError) {
            try Folder.make(path)
        } catch {
            guard case .unavailable(let reason) = error else { throw DataDirectoryError(description: "\(error)") }
            throw DataDirectoryError(description: reason)
        }
        let file = "\(path)/lock"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DataDirectoryError(description: "\(file) cannot be opened: \(Folder.reason)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = holder(descriptor)
            close(descriptor)
            throw DataDirectoryError(
                description:
                    "the data directory \(path) is in use by process \(holder): stop it, or give --data another directory")
        }
        let text = "\(getpid())\n"
        let isWritten = ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, text.utf8.count, 0) == text.utf8.count
        guard isWritten else {
            let reason = Folder.reason
            close(descriptor)
            throw DataDirectoryError(description: "\(file) cannot be written: \(reason)")
        }
        return DataDirectory(path: path, descriptor: descriptor)
    }

    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        let digits = bytes.prefix(max(count, 0)).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return digits.isEmpty ? "of an unknown number" : String(decoding: digits, as: UTF8.self)
    }
}

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
    private static func sync(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}

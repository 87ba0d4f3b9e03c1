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

import CSQLite
import Dispatch
import Foundation
import Synchronization

/// A disk that fails when a test says so: SQLite's own file system with its writes and syncs behind a switch, by file.
///
/// It becomes the process's default once; files without a fault go through unchanged.
enum FaultyDisk {
    enum Fault: Sendable {
        /// Writes fail as on a full disk.
        case full
        /// Writes fail with an I/O error.
        case write
        /// Syncs fail with an I/O error.
        case sync
        /// Syncs wait until the semaphore is signalled; `entered` is signalled when one waits.
        case heldSync(entered: DispatchSemaphore, release: DispatchSemaphore)
    }

    private struct State: ~Copyable {
        var faults: [String: Fault] = [:]
        var paths: [UInt: String] = [:]
        var syncs: [String: Int] = [:]
        /// SQLite's own functions, and by their address our copies: a database's file has others than a log's.
        var real = sqlite3_io_methods()
        var copies: [UInt: UInt] = [:]
    }

    private static let state = Mutex(State())

    /// Sets or clears the fault of every file whose path begins with this one.
    static func set(_ fault: Fault?, _ path: String) {
        precondition(isInstalled, "The faulty disk is SQLite's default.")
        state.withLock { $0.faults[path] = fault }
    }

    /// How many syncs the files below a path had.
    static func syncs(_ path: String) -> Int {
        state.withLock { state in state.syncs.reduce(0) { $1.key.hasPrefix(path) ? $0 + $1.value : $0 } }
    }

    private static func fault(_ file: UnsafeMutablePointer<sqlite3_file>?) -> (fault: Fault?, path: String) {
        state.withLock { state in
            let path = state.paths[UInt(bitPattern: file)] ?? ""
            return (state.faults.first { path.hasPrefix($0.key) }?.value, path)
        }
    }

    /// Makes it the default, once.
    static let isInstalled: Bool = {
        guard let real = sqlite3_vfs_find(nil) else { return false }
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: real.pointee)
        vfs.pointee.zName = UnsafePointer(strdup("faulty"))
        vfs.pointee.pNext = nil
        vfs.pointee.xOpen = { _, name, file, flags, outFlags in
            guard let real = sqlite3_vfs_find("unix"), let open = real.pointee.xOpen else { return SQLITE_ERROR }
            let code = open(real, name, file, flags, outFlags)
            if code == SQLITE_OK, let file, let methods = file.pointee.pMethods {
                FaultyDisk.opened(file, name.map { String(cString: $0) } ?? "", methods)
            }
            return code
        }
        return sqlite3_vfs_register(vfs, 1) == SQLITE_OK
    }()

    private static func opened(
        _ file: UnsafeMutablePointer<sqlite3_file>, _ path: String, _ real: UnsafePointer<sqlite3_io_methods>
    ) {
        let place = UInt(bitPattern: file)
        let methods = real.pointee
        let copy = state.withLock { state in
            state.paths[place] = path
            state.real = methods
            if let copy = state.copies[UInt(bitPattern: real)] { return copy }
            let copy = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
            copy.initialize(to: methods)
            copy.pointee.xWrite = { file, bytes, count, offset in FaultyDisk.write(file, bytes, count, offset) }
            copy.pointee.xSync = { file, flags in FaultyDisk.sync(file, flags) }
            state.copies[UInt(bitPattern: real)] = UInt(bitPattern: copy)
            return UInt(bitPattern: copy)
        }
        file.pointee.pMethods = UnsafePointer(bitPattern: copy)
    }

    private static func write(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ bytes: UnsafeRawPointer?, _ count: Int32, _ offset: sqlite3_int64
    ) -> Int32 {
        switch fault(file).fault {
        case .full: return SQLITE_FULL
        case .write: return SQLITE_IOERR | (3 << 8)
        default: return state.withLock { $0.real.xWrite }?(file, bytes, count, offset) ?? SQLITE_ERROR
        }
    }

    private static func sync(_ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32) -> Int32 {
        let (fault, path) = fault(file)
        switch fault {
        case .sync: return SQLITE_IOERR | (4 << 8)
        case .heldSync(let entered, let release):
            entered.signal()
            release.wait()
        default: break
        }
        state.withLock { $0.syncs[path, default: 0] += 1 }
        return state.withLock { $0.real.xSync }?(file, flags) ?? SQLITE_ERROR
    }
}

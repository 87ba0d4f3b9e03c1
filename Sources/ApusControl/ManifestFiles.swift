import ApusPorts
import Foundation

/// The manifest files below the paths that `-f` named, and when to look at them again.
///
/// A folder gives its `.yaml`, `.yml` and `.json` files, sorted, folders below it included, hidden ones left out. Decisions
/// are pure: the driver asks ``fingerprint()`` a few times a second and hands it to ``ManifestDebounce``.
package struct ManifestFiles: Sendable {
    /// A file's path and text.
    package struct File: Sendable {
        package var path: String
        package var text: String
    }

    /// What changes when a file is written or made readable: path, size, time of modification, inode, mode and owner of each.
    package struct Fingerprint: Sendable, Equatable {
        fileprivate var entries: [String] = []
    }

    package struct Unreadable: Error, CustomStringConvertible {
        package var path: String
        package var reason: String
        package var description: String { "\(path): \(reason)" }
    }

    private let roots: [String]

    /// `paths` as `-f` gave them; made absolute here, so that a resource's owner has one name however it was written.
    package init(_ paths: [String]) {
        roots = paths.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
    }

    /// Whether a file that once brought a resource is below one of today's paths.
    package func covers(_ path: String) -> Bool {
        roots.contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    package func fingerprint() -> Fingerprint {
        var print = Fingerprint()
        for root in roots {
            guard let paths = try? files(below: root) else {
                // Not the same as empty: a folder that goes and comes back empty has to be applied.
                print.entries.append("\(root) unreadable")
                continue
            }
            print.entries.append("\(root) \(paths.count)")
            for path in paths {
                var status = stat()
                guard stat(path, &status) == 0 else { continue }
                print.entries.append(
                    "\(path) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) "
                        + "\(status.st_mode) \(status.st_uid) \(status.st_gid)")
            }
        }
        return print
    }

    /// Every file's text. A path that is gone or cannot be read is an error, never "no resources": a file system that
    /// hiccups must not remove a broker.
    package func read() throws(Unreadable) -> [File] {
        var found: [File] = []
        for root in roots {
            for path in try files(below: root) {
                guard let handle = FileHandle(forReadingAtPath: path) else {
                    throw Unreadable(path: path, reason: "cannot be read: \(String(cString: strerror(errno)))")
                }
                let data: Data
                do {
                    data = try handle.read(upToCount: Limits.manifestFileBytesMax + 1) ?? Data()
                } catch {
                    throw Unreadable(path: path, reason: "cannot be read: \(error.localizedDescription)")
                }
                guard data.count <= Limits.manifestFileBytesMax else {
                    throw Unreadable(
                        path: path, reason: "is larger than \(Limits.manifestFileBytesMax) bytes, the limit of a manifest file")
                }
                guard let text = String(validating: data, as: UTF8.self) else {
                    throw Unreadable(path: path, reason: "is not UTF-8 text")
                }
                found.append(File(path: path, text: text))
            }
        }
        return found
    }

    private func files(below root: String) throws(Unreadable) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder) else {
            throw Unreadable(path: root, reason: "does not exist; -f takes a manifest file or a folder of them")
        }
        guard isFolder.boolValue else { return [root] }
        guard let names = FileManager.default.enumerator(atPath: root) else {
            throw Unreadable(path: root, reason: "cannot be listed")
        }
        var paths: [String] = []
        for case let name as String in names {
            guard !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }) else { continue }
            guard [".yaml", ".yml", ".json"].contains(where: name.hasSuffix) else { continue }
            paths.append(root + "/" + name)
            guard paths.count <= Limits.manifestFilesMax else {
                throw Unreadable(path: root, reason: "holds more than \(Limits.manifestFilesMax) manifest files")
            }
        }
        return paths.sorted()
    }
}

/// Waits until files have been still for a while: an editor saves in several steps, and a half-written file is no wish.
package struct ManifestDebounce {
    package static let stillMilliseconds = 500

    private var applied: ManifestFiles.Fingerprint
    private var seen: ManifestFiles.Fingerprint
    private var stillSinceMilliseconds = 0

    package init(applied: ManifestFiles.Fingerprint) {
        self.applied = applied
        seen = applied
    }

    /// Whether the files changed since they were applied and have been still for ``stillMilliseconds``; true once a change.
    package mutating func looked(at print: ManifestFiles.Fingerprint, nowMilliseconds: Int) -> Bool {
        if print != seen {
            seen = print
            stillSinceMilliseconds = nowMilliseconds
        }
        guard seen != applied, nowMilliseconds - stillSinceMilliseconds >= Self.stillMilliseconds else { return false }
        applied = seen
        return true
    }
}

import Foundation
import Specs

/// The slow disk: `fsyncdelay.c` as a library that `LD_PRELOAD` puts between the process and its disk.
enum Shim {
    struct NoCompiler: Error, CustomStringConvertible {
        var description: String
    }

    /// Compiles the shim into `folder` with `cc` and returns the library's path.
    static func build(in folder: TemporaryFolder) async throws -> String {
        let source = Specs.directory.deletingLastPathComponent().appendingPathComponent("Tests/EndToEndTests/fsyncdelay.c").path
        let library = "\(folder.path)/fsyncdelay.so"
        let compiler = try ChildProcess(
            "/usr/bin/env", ["cc", "-O2", "-fPIC", "-shared", "-o", library, source, "-ldl"])
        guard try await compiler.waitForEnd() == .exit(0) else {
            throw NoCompiler(description: "cc cannot build the shim:\n\(compiler.lines.joined(separator: "\n"))")
        }
        return library
    }

    /// The environment that gives a process a slow disk.
    ///
    /// - Parameter log: a file to which each fsync's return is appended; see ``returns(in:)``.
    static func environment(_ library: String, delayMilliseconds: Int, log: String? = nil) -> [String: String] {
        var environment = ["LD_PRELOAD": library, "APUS_FSYNC_DELAY_MS": String(delayMilliseconds)]
        environment["APUS_FSYNC_LOG"] = log
        return environment
    }

    /// When each sync returned, in nanoseconds of `CLOCK_MONOTONIC`, which of the calls it was, and its result.
    static func returns(in log: String) throws -> [(nanoseconds: Int64, call: String, result: Int)] {
        try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count == 3, let nanoseconds = Int64(fields[0]), let result = Int(fields[2]) else { return nil }
            return (nanoseconds, String(fields[1]), result)
        }
    }
}

import Foundation
import Specs
import Testing

/// Commands with what they print and how they end, byte for byte: `specs/cli`.
struct CommandVector: Decodable, Sendable {
    let name: String
    let arguments: [String]
    /// A file of `specs/cli/files`.
    let stdin: String?
    let stdout: String?
    let stderr: String?
    let exit: Int32?

    /// Where they run; it is `FOLDER` in what is expected.
    private static let files = Specs.directory.appendingPathComponent("cli/files").path

    /// Runs every vector of a file of `specs/`.
    static func check(_ path: String) async throws {
        let folder = try TemporaryFolder()
        // The shell sets the folder and keeps the outputs apart.
        let script = """
            cd "$1" && out="$2" && input="$3" && shift 3 && exec "$@" < "$input" > "$out/stdout" 2> "$out/stderr"
            """
        for vector in Specs.vectors(path, as: CommandVector.self) {
            let process = try ChildProcess(
                "/bin/sh",
                ["-c", script, "sh", files, folder.path, vector.stdin ?? "/dev/null", ApusProcess.binary] + vector.arguments)
            #expect(try await process.waitForEnd() == .exit(vector.exit ?? 0), "\(vector.name)")
            #expect(try text("stdout", in: folder) == vector.stdout ?? "", "\(vector.name)")
            #expect(try text("stderr", in: folder) == vector.stderr ?? "", "\(vector.name)")
        }
    }

    private static func text(_ name: String, in folder: TemporaryFolder) throws -> String {
        try String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8).replacingOccurrences(of: files, with: "FOLDER")
    }
}

import Testing

/// Limits and bans on how the house is written, each with what to do instead.
@Suite struct `The craft` {
    private static let fileLinesMax = 400
    private static let functionLinesMax = 60
    private static let lineColumnsMax = 130

    /// Tables and contract suites, which are long because there is much of one thing. Each must be there and must be long.
    private static let longFiles: Set<String> = []

    @Test func `keeps files short`() {
        for source in Repository.sources where !Self.longFiles.contains(source.path) {
            let lines = source.lineCount
            #expect(
                lines <= Self.fileLinesMax, "\(source.path) has \(lines) lines: split it by concern, at most \(Self.fileLinesMax)"
            )
        }
        for path in Self.longFiles {
            let source = Repository.sources.first { $0.path == path }
            #expect((source?.lineCount ?? 0) > Self.fileLinesMax, "\(path) needs no exception any more: take it from the list")
        }
    }

    @Test func `keeps functions short`() {
        for source in Repository.sources {
            expectNone(
                source.functionLengths.filter { $0.lines > Self.functionLinesMax }.map {
                    Finding(
                        path: source.path, line: $0.line,
                        advice: "\($0.lines) lines in one function, at most \(Self.functionLinesMax)")
                })
        }
    }

    @Test func `keeps lines short`() {
        for source in Repository.sources {
            for (index, line) in source.lines.enumerated() {
                // The formatter lets a trailing comma stand beyond the limit.
                let columns = String(decoding: line.last == UInt8(ascii: ",") ? line.dropLast() : line, as: UTF8.self).count
                if columns > Self.lineColumnsMax { Issue.record("\(source.path):\(index + 1): \(columns) columns, at most 130") }
            }
        }
    }

    @Test func `does without what it banned`() {
        for source in Repository.sources {
            for ban in Ban.all where ban.holds(source) {
                expectNone(
                    source.linesOfCode(with: ban.needle).map {
                        Finding(path: source.path, line: $0, advice: "no `\(ban.needle)` here; instead: \(ban.instead)")
                    })
            }
        }
    }

    @Test func `draws no global random number`() {
        for source in Repository.sources where source.room != Ban.edge {
            for (index, line) in source.codeLines.enumerated() {
                let text = String(decoding: line, as: UTF8.self)
                if text.contains("random(in:"), !text.contains("using:") {
                    Issue.record("\(source.path):\(index + 1): random(in:using:) with a generator that is handed in")
                }
            }
        }
    }

    @Test func `leaves nothing over for later`() {
        for path in Repository.texts {
            let bytes = Repository.bytes(path)
            for word in Ban.leftOver {
                expectNone(
                    SwiftSource.lines(of: bytes, with: Array(word.utf8)).map {
                        Finding(path: path, line: $0, advice: "\(word): do it, or write an issue")
                    })
            }
        }
    }

    @Test func `names no path of one machine`() {
        for path in Repository.texts {
            for (index, line) in Repository.text(path).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                for machinePath in Ban.machinePaths where Self.stands(machinePath, in: line) {
                    Issue.record("\(path):\(index + 1): \(machinePath) is a path of one machine")
                }
            }
        }
    }

    /// Whether an absolute path begins here; `https://host/…` and `./…` are none.
    private static func stands(_ path: String, in line: Substring) -> Bool {
        guard let range = line.firstRange(of: path) else { return false }
        guard range.lowerBound > line.startIndex else { return true }
        let before = line[line.index(before: range.lowerBound)]
        return !(before.isLetter || before.isNumber || "._-:/}*$".contains(before))
    }

    @Test func `proves what the compiler cannot see`() {
        for source in Repository.sources {
            let lines = source.lines
            for line in source.linesOfCode(with: "@unchecked Sendable") {
                let above = line > 1 ? String(decoding: lines[line - 2], as: UTF8.self) : ""
                let isComment = above.drop { $0 == " " }.hasPrefix("//")
                #expect(isComment, "\(source.path):\(line): the line above says why it is Sendable")
            }
        }
    }
}

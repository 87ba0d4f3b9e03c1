internal import ApusPorts
internal import Synchronization

/// What a stream holds, and its newest records in memory: what readers that have caught up are served from.
///
/// Records stand as they were committed, so a reader that follows commit by commit is handed the very array.
final class StreamTail: Sendable {
    private struct Segment {
        var records: [LogRecord]
        /// What each record counts for, in bytes.
        var sizes: [Int]
        var bytes: Int

        var first: Int64 { records[0].position.offset }
    }

    private struct State {
        var oldest: Int64
        var next: Int64
        /// What the readable records take in the file, in bytes.
        var fileBytes: Int64
        /// Ascending, without a gap, up to `next`; those before `head` are gone and empty.
        var segments: [Segment] = []
        var head = 0
        var bytes = 0
        var observers: [@Sendable () -> Void] = []
    }

    private let bytesMax: Int
    private let state: Mutex<State>

    init(_ file: LogFile.StreamState, bytesMax: Int) {
        self.bytesMax = bytesMax
        state = Mutex(State(oldest: file.oldest, next: file.next, fileBytes: file.bytes))
    }

    /// What the readable records take in the file, in bytes.
    var fileBytes: Int64 { state.withLock { $0.fileBytes } }

    var bounds: StreamBounds {
        state.withLock { StreamBounds(oldest: Position(offset: $0.oldest), next: Position(offset: $0.next)) }
    }

    func observe(_ observer: @escaping @Sendable () -> Void) { state.withLock { $0.observers.append(observer) } }

    var observers: [@Sendable () -> Void] { state.withLock { $0.observers } }

    /// Takes records that became durable; they follow the last ones without a gap.
    func append(_ records: [LogRecord], sizes: [Int], fileBytes: Int64) {
        guard let last = records.last else { return }
        let segment = Segment(records: records, sizes: sizes, bytes: sizes.reduce(0, +))
        state.withLock { state in
            state.next = last.position.offset + 1
            state.fileBytes = fileBytes
            state.segments.append(segment)
            state.bytes += segment.bytes
            while state.bytes > bytesMax { drop(&state) }
        }
    }

    /// Takes bounds that were read from the file, and forgets what memory held.
    func reset(_ file: LogFile.StreamState) {
        state.withLock { state in
            (state.oldest, state.next, state.fileBytes) = (file.oldest, file.next, file.bytes)
            (state.segments, state.head, state.bytes) = ([], 0, 0)
        }
    }

    func trim(to oldest: Int64, fileBytes: Int64) {
        state.withLock { state in
            (state.oldest, state.fileBytes) = (oldest, fileBytes)
            while state.head < state.segments.count {
                let segment = state.segments[state.head]
                guard segment.first + Int64(segment.records.count) <= oldest else { return }
                drop(&state)
            }
        }
    }

    private func drop(_ state: inout State) {
        state.bytes -= state.segments[state.head].bytes
        state.segments[state.head] = Segment(records: [], sizes: [], bytes: 0)
        state.head += 1
        guard state.head > 64, state.head * 2 > state.segments.count else { return }
        state.segments.removeFirst(state.head)
        state.head = 0
    }

    func cached(from offset: Int64, limit: ReadLimit) -> CachedRead {
        state.withLock { state in
            if offset >= state.next { return .end }
            guard offset >= state.oldest, state.head < state.segments.count, state.segments[state.head].first <= offset else {
                return .absent
            }
            var (low, high) = (state.head, state.segments.count)
            while high - low > 1 {
                let middle = (low + high) / 2
                if state.segments[middle].first <= offset { low = middle } else { high = middle }
            }
            return .records(Self.page(state.segments[low...], from: offset, limit))
        }
    }

    /// A whole segment is worth handing out as it is from this many records on, however much more the page would take.
    private static let wholeRecordsMin = 32

    private static func page(_ segments: ArraySlice<Segment>, from offset: Int64, _ limit: ReadLimit) -> [LogRecord] {
        if let segment = segments.first, segment.first == offset, segment.records.count <= limit.records,
            segment.bytes <= limit.bytes, segments.count == 1 || segment.records.count >= wholeRecordsMin
        {
            return segment.records
        }
        var page: [LogRecord] = []
        var bytes = 0
        for segment in segments {
            let skipped = Int(max(0, offset - segment.first))
            for index in skipped..<segment.records.count {
                bytes += segment.sizes[index]
                guard page.isEmpty || (page.count < limit.records && bytes <= limit.bytes) else { return page }
                page.append(segment.records[index])
            }
        }
        return page
    }
}

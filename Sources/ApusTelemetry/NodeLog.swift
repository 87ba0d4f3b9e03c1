public import Logging

#if canImport(Glibc)
private import Glibc
#elseif canImport(Musl)
private import Musl
#elseif canImport(Darwin)
private import Darwin
#endif

/// The node's log: one line an occasion, on standard error.
public enum NodeLog {
    /// Makes every `Logger` of the process write to standard error in this format. Once a process, before the first logger.
    public static func bootstrap(format: LogFormat, level: Logger.Level = .info) {
        LoggingSystem.bootstrap(
            { label, provider in
                var handler = LineLogHandler(format: format, clock: wallClock, write: writeToStandardError)
                handler.logLevel = level
                handler.metadataProvider = provider
                return handler
            }, metadataProvider: nil)
    }

    private static let wallClock: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// One `write` a line, so that lines of several threads do not mix. A log that cannot be written has nowhere to say so.
    private static let writeToStandardError: @Sendable (String) -> Void = { line in
        var line = line
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let start = rest.baseAddress, !rest.isEmpty {
                let written = writeSome(start, rest.count)
                guard written > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
        }
    }

    private static func writeSome(_ start: UnsafeRawPointer, _ count: Int) -> Int {
        while true {
            let written = write(STDERR_FILENO, start, count)
            guard written < 0, errno == EINTR else { return written }
        }
    }
}

/// Renders each event of swift-log to a line and hands it on.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level = .info
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let format: LogFormat
    private let clock: @Sendable () -> Int64
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - clock: wall clock, nanoseconds since 1970 UTC.
    ///   - write: takes a line with its line feed, from any thread.
    package init(format: LogFormat, clock: @escaping @Sendable () -> Int64, write: @escaping @Sendable (String) -> Void) {
        self.format = format
        self.clock = clock
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { $1 } }
        if let error = event.error { merged[LogKey.error] = "\(error)" }
        if let given = event.metadata { merged.merge(given) { $1 } }
        let line = LogLine(
            nanoseconds: clock(), level: event.level, message: event.message.description, metadata: merged)
        write(line.rendered(as: format) + "\n")
    }
}

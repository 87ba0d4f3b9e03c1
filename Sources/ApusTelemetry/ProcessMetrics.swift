#if canImport(Glibc)
private import Glibc
#elseif canImport(Musl)
private import Musl
#elseif canImport(Darwin)
private import Darwin
#endif

/// The process as `/proc` shows it (proc(5)). Where there is no `/proc`, its series stay away.
public enum ProcessMetrics {
    /// Adds the process's series to every text that `meters` makes from now on.
    public static func register(in meters: Meters, version: String) {
        meters.gauge(.build, [version]).set(1)
        meters.beforeText {
            if let bytes = residentBytes() { meters.gauge(.residentMemory).set(bytes) }
            if let files = openFiles() { meters.gauge(.openFiles).set(files) }
            if let files = openFilesMax() { meters.gauge(.openFilesMax).set(files) }
            if let seconds = uptimeSeconds() { meters.gauge(.uptime).set(seconds) }
        }
    }

    /// Field 2 of `/proc/self/statm` is resident memory in pages.
    static func residentBytes() -> Int? {
        guard let statm = contents(of: "/proc/self/statm") else { return nil }
        let fields = statm.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Entries of `/proc/self/fd`, without the one that reading it opens.
    static func openFiles() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var entries = 0
        while readdir(directory) != nil { entries += 1 }
        let dotsAndOwn = 3
        return entries - dotsAndOwn
    }

    static func openFilesMax() -> Int? {
        let max = sysconf(Int32(_SC_OPEN_MAX))
        return max < 0 ? nil : max
    }

    /// `/proc/uptime` less field 22 of `/proc/self/stat`, the start in clock ticks since boot. Field 2 is the command in
    /// parentheses and may hold spaces and parentheses itself, so fields are counted from the last one.
    static func uptimeSeconds() -> Int? {
        guard
            let uptime = contents(of: "/proc/uptime"), let stat = contents(of: "/proc/self/stat"),
            let sinceBoot = uptime.split(separator: " ").first.flatMap({ Double($0) }),
            let afterCommand = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: afterCommand)...].split(separator: " ")
        let startField = 22 - 3
        guard fields.count > startField, let ticks = Double(fields[startField]) else { return nil }
        return max(0, Int(sinceBoot - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))))
    }

    /// The first 4 KiB of a file, or nil where it cannot be read.
    private static func contents(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}

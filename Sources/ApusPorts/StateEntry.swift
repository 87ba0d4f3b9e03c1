/// One line of what a broker remembers durably beside its cursors: redrive marks, replays, where triggers began.
///
/// Keys are compared as bytes. Values are small documents: at most ``Limits/stateValueBytesMax``.
public struct StateEntry: Sendable, Equatable {
    public var key: String
    /// nil removes the entry.
    public var value: [UInt8]?
    /// In a change: an entry that is there already stays as it is. For who knows less than anybody who may have written it.
    public var keepsExisting: Bool

    public init(key: String, value: [UInt8]?, keepsExisting: Bool = false) {
        self.key = key
        self.value = value
        self.keepsExisting = keepsExisting
    }
}

/// The keys that there are, by what they begin with.
public enum StateKey {
    /// What became of a dead letter (``DeadLetterMark``). Offsets have leading zeros, so that keys have their order.
    public static func deadLetter(_ offset: Int64) -> String { deadLetters + padded(offset) }
    /// A replay's bounds and progress.
    public static func replay(_ name: String) -> String { replays + name }
    /// Where a trigger began, and since when its filter holds.
    public static func trigger(_ name: String) -> String { triggers + name }

    public static let deadLetters = "dead/"
    public static let replays = "replay/"
    public static let triggers = "trigger/"

    /// The first key that does not begin with `prefix`, which ends in `/`.
    public static func end(of prefix: String) -> String { String(prefix.dropLast()) + "0" }

    /// The offset that a key of ``deadLetter(_:)`` has; nil for any other.
    public static func deadLetterOffset(_ key: String) -> Int64? {
        key.hasPrefix(deadLetters) ? Int64(key.dropFirst(deadLetters.count)) : nil
    }

    private static func padded(_ offset: Int64) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(0, 19 - digits.count)) + digits
    }
}

extension ReaderName {
    /// Whether this is a trigger's own reader. A replay's readers have a `/` in their name, which no trigger's has.
    public var isTrigger: Bool { !utf8.contains(UInt8(ascii: "/")) }

    /// A replay's reader: of one trigger, or of the URL or the dead letters that it delivers.
    public static func replay(_ name: String, trigger: String? = nil) -> ReaderName {
        "replay/\(name)" + (trigger.map { "/\($0)" } ?? "")
    }
}

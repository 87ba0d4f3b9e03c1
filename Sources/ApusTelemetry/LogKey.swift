/// Keys of a log line, held against `specs/telemetry.yaml` both ways. A text line shows them in this order, others after them.
public enum LogKey {
    public static let namespace = "namespace"
    public static let broker = "broker"
    public static let trigger = "trigger"
    public static let resource = "resource"
    public static let reason = "reason"
    public static let stream = "stream"
    public static let position = "position"
    public static let status = "status"
    public static let events = "events"
    public static let removed = "removed"
    public static let oldest = "oldest"
    public static let address = "address"
    public static let data = "data"
    public static let admin = "admin"
    public static let file = "file"
    public static let signal = "signal"
    public static let changed = "changed"
    public static let origin = "origin"
    public static let error = "error"

    public static let all: [String] = [
        namespace, broker, trigger, resource, reason, stream, position, status, events, removed, oldest, address, data, admin,
        file, signal, changed, origin, error,
    ]
}

/// Keys of a log line, held against `specs/telemetry.yaml` both ways. A text line shows them in this order, others after them.
public enum LogKey {
    public static let namespace = "namespace"
    public static let broker = "broker"
    public static let brokerClass = "class"
    public static let trigger = "trigger"
    public static let kind = "kind"
    public static let name = "name"
    public static let reason = "reason"
    public static let stream = "stream"
    public static let position = "position"
    public static let attempts = "attempts"
    public static let status = "status"
    public static let count = "count"
    public static let url = "url"
    public static let data = "data"
    public static let admin = "admin"
    public static let file = "file"
    public static let directory = "directory"
    public static let signal = "signal"
    public static let version = "version"
    public static let error = "error"

    public static let all: [String] = [
        namespace, broker, brokerClass, trigger, kind, name, reason, stream, position, attempts, status, count, url, data, admin,
        file, directory, signal, version, error,
    ]
}

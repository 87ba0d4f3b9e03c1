public import CloudEvents

/// How long ago, as kubectl prints it: `45s`, `5m30s`, `12m`, `3h12m`, `20h`, `2d4h`, `40d`, `3y12d`.
public enum AgeText {
    public static func since(_ moment: Timestamp, now: Timestamp) -> String {
        let (difference, overflow) = now.nanoseconds.subtractingReportingOverflow(moment.nanoseconds)
        guard !overflow else { return "<invalid>" }
        let seconds = difference / 1_000_000_000
        // Two clocks may differ by a little; more than that is no age.
        guard seconds >= -1 else { return "<invalid>" }
        guard seconds > 0 else { return "0s" }
        if seconds < 120 { return "\(seconds)s" }
        let minutes = seconds / 60
        if minutes < 10 { return pair(minutes, "m", seconds % 60, "s") }
        if minutes < 180 { return "\(minutes)m" }
        let hours = minutes / 60
        if hours < 8 { return pair(hours, "h", minutes % 60, "m") }
        if hours < 48 { return "\(hours)h" }
        let days = hours / 24
        if days < 8 { return pair(days, "d", hours % 24, "h") }
        if days < 730 { return "\(days)d" }
        if days < 2920 { return pair(days / 365, "y", days % 365, "d") }
        return "\(days / 365)y"
    }

    private static func pair(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large)\(largeUnit)" : "\(large)\(largeUnit)\(small)\(smallUnit)"
    }
}

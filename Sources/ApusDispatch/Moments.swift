package import CloudEvents

extension Duration {
    /// Whole nanoseconds, held at the bounds of `Int64` (292 years) instead of overflowing.
    package var nanosecondsHeld: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflowed { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        if carried { return seconds < 0 ? .min : .max }
        return sum
    }

    /// Seconds as a metric's histogram counts them.
    var inSeconds: Double { Double(nanosecondsHeld) / 1e9 }
}

extension Timestamp {
    /// How long ago `earlier` was; zero where it is still to come, as a wall clock may be set back.
    package func elapsed(since earlier: Timestamp) -> Duration {
        max(.zero, self - earlier)
    }
}

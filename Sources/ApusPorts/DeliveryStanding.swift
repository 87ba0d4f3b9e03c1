internal import ApusResources
public import CloudEvents

/// Where one event stands with one trigger now, as the dispatcher knows it (promise 22).
public enum DeliveryStanding: Sendable, Equatable {
    /// The trigger's cursor has not come to it.
    case ahead
    /// Taken into the window and neither settled nor parked: being tried, or waiting for its turn.
    case open(attempts: Int)
    case parked(ParkedEvent)
    /// The cursor has passed it: it was settled, buried, or not wanted. Traces and the filter tell which.
    case passed
}

/// Why a trigger's reader reads nothing now.
public enum ReaderStop: String, Sendable, CaseIterable {
    case paused
    /// The subscriber is not resolved.
    case unresolved
    /// As many events wait for a retry as may (``Limits/parkedEventsMax``).
    case parkedFull = "parked-full"
    /// As many matching events are open as may; it reads on as soon as some settle.
    case windowFull = "window-full"
    /// Its cursor is loaded, and its trigger was not applied yet.
    case notApplied = "not-applied"
}

/// Where a trigger began and since when its filter holds, kept under ``StateKey/trigger(_:)``.
public struct TriggerMark: Sendable, Equatable {
    /// The first offset that the trigger has looked at.
    public var began: Int64
    public var beganAt: Timestamp
    /// The first offset that the filter in force was asked about: earlier ones met another filter.
    public var filterSince: Int64
    /// The filter in force, as text that differs where the filter does.
    public var filter: String

    public init(began: Int64, beganAt: Timestamp, filterSince: Int64, filter: String) {
        self.began = began
        self.beganAt = beganAt
        self.filterSince = filterSince
        self.filter = filter
    }

    /// As it is kept: JSON. nil where it is none.
    public init?(_ value: [UInt8]) {
        guard let document = try? JSONReader.document(value), let began: Int64 = document["began"]?.wholeNumber(),
            let beganAt = document["beganAt"]?.text.flatMap(MomentText.moment),
            let filterSince: Int64 = document["filterSince"]?.wholeNumber(), let filter = document["filter"]?.text
        else { return nil }
        self.init(began: began, beganAt: beganAt, filterSince: filterSince, filter: filter)
    }

    public var value: [UInt8] {
        let document = DocumentNode.mapping([
            ("began", .integer(began)), ("beganAt", .string(beganAt.rfc3339)), ("filterSince", .integer(filterSince)),
            ("filter", .string(filter)),
        ])
        return Array(document.json().utf8)
    }
}

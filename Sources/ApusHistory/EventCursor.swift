internal import ApusPorts

/// Where a walk through a range of the log goes on, as text: `oldest-120-900` reads `120..<900` forwards, `newest-120-900` reads
/// it backwards.
struct EventCursor: Equatable {
    var order: EventQuery.Order
    /// What is still to be looked at.
    var rest: Range<Int64>

    init(_ order: EventQuery.Order, _ rest: Range<Int64>) {
        self.order = order
        self.rest = rest
    }

    init(_ text: String, order: EventQuery.Order) throws(HistoryError) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let written = EventQuery.Order(rawValue: String(parts[0])),
            let from = Self.offset(parts[1]), let until = Self.offset(parts[2]), from <= until
        else {
            throw .invalid(field: "cursor", message: "\"\(text)\" is no cursor: give the one that the page before this one has.")
        }
        guard written == order else {
            throw .invalid(
                field: "cursor",
                message: "The cursor belongs to a list with order=\(written.rawValue), and order=\(order.rawValue) was asked for."
            )
        }
        self.init(order, from..<until)
    }

    private static func offset(_ text: Substring) -> Int64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
    }

    var text: String { "\(order.rawValue)-\(rest.lowerBound)-\(rest.upperBound)" }
}

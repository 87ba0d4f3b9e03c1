import KafkaClient

/// What one consumer owns, what of it is under way, and up to where it is done. Pure.
///
/// A partition's offset is due when all before it is done, however out of order the batches ended.
struct OffsetLedger: Sendable {
    /// A stretch of one partition that is being emitted. It is void once the partition has gone, even if it comes back.
    struct Ticket: Sendable, Hashable {
        var partition: KafkaPartition
        fileprivate var tenure: UInt64
        fileprivate var next: Int64
    }

    private enum Stage { case underWay, done, abandoned }

    private struct Tenure {
        var number: UInt64
        /// In the order in which they were begun.
        var open: [(ticket: Ticket, stage: Stage)] = []
        /// All before this is done; nil while nothing is.
        var low: Int64?
        var committed: Int64?
    }

    private var tenures: [KafkaPartition: Tenure] = [:]
    private var number: UInt64 = 0

    /// Of the partitions that are owned.
    var count: Int { tenures.count }

    mutating func assign(_ partitions: [KafkaPartition]) {
        for partition in partitions {
            number += 1
            tenures[partition] = Tenure(number: number)
        }
    }

    mutating func drop(_ partitions: [KafkaPartition]) {
        for partition in partitions { tenures[partition] = nil }
    }

    /// Begins with the records before `next` of a partition; nil where it is not owned.
    mutating func begin(_ partition: KafkaPartition, before next: Int64) -> Ticket? {
        guard let number = tenures[partition]?.number else { return nil }
        let ticket = Ticket(partition: partition, tenure: number, next: next)
        tenures[partition]?.open.append((ticket, .underWay))
        return ticket
    }

    func isValid(_ ticket: Ticket) -> Bool { tenures[ticket.partition]?.number == ticket.tenure }

    /// The log has all of it.
    mutating func finish(_ ticket: Ticket) {
        set(ticket, .done)
        guard var tenure = tenures[ticket.partition] else { return }
        let done = tenure.open.prefix { $0.stage == .done }
        guard let last = done.last else { return }
        // Not the larger of the two: a topic that was made anew counts from 0.
        tenure.low = last.ticket.next
        tenure.open.removeFirst(done.count)
        tenures[ticket.partition] = tenure
    }

    /// It was given up: nothing from its begin on becomes due.
    mutating func abandon(_ ticket: Ticket) { set(ticket, .abandoned) }

    private mutating func set(_ ticket: Ticket, _ stage: Stage) {
        guard isValid(ticket), let index = tenures[ticket.partition]?.open.firstIndex(where: { $0.ticket == ticket }) else {
            return
        }
        tenures[ticket.partition]?.open[index].stage = stage
    }

    /// Whether nothing of these is under way.
    func isIdle(_ partitions: [KafkaPartition]) -> Bool {
        partitions.allSatisfy { tenures[$0]?.open.allSatisfy { $0.stage != .underWay } ?? true }
    }

    /// What is to be committed, of these partitions or of all.
    func due(in partitions: [KafkaPartition]? = nil) -> [KafkaPosition] {
        (partitions ?? Array(tenures.keys)).compactMap { partition in
            guard let tenure = tenures[partition], let low = tenure.low, low != tenure.committed else { return nil }
            return KafkaPosition(partition, offset: low)
        }
    }

    mutating func committed(_ positions: [KafkaPosition]) {
        for position in positions { tenures[position.partition]?.committed = position.offset }
    }
}

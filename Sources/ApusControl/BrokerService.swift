import ApusDispatch
import ApusHistory
import ApusIntake
import ApusPorts
import ApusResources

/// One broker that runs: its open log, its dispatcher, and which plan each of its triggers was given.
struct BrokerService: Sendable {
    let key: ResourceIdentity
    let uid: String
    let brokerClass: String
    let log: any EventLog
    let cursors: any CursorStore
    let door: BrokerDoor
    let dispatcher: BrokerDispatcher
    /// Made once, for it wakes those who wait for events.
    let history: BrokerHistory
    /// By trigger name: what its plan was made from. Equal text is an equal plan.
    var applied: [String: String] = [:]
}

/// Why a broker does not run.
struct BrokerFailure: Sendable, Equatable {
    var readiness: Readiness
    /// Whether trying again may help: a class that this build does not know stays unknown.
    var isTransient: Bool
}

package import ApusPorts
package import CloudEvents
package import EventFilters
import Synchronization

/// The one door (law 1): HTTP, sources and replies all pass here, and a message is accepted once the log says so.
package final class Intake: Sendable {
    package let limits: IntakeLimits
    /// Whoever answers a producer counts the refusal: this room cannot know of those that were made before it.
    package let meters: IntakeMeters
    /// Whoever answers a producer tells it of the refusal, as with the meters.
    package let refusals: RefusalLog
    private let clock: @Sendable () -> Timestamp
    private let doors = Mutex<[Name: BrokerDoor]>([:])

    private struct Name: Sendable, Hashable {
        var namespace: String
        var broker: String
    }

    package init(
        limits: IntakeLimits = IntakeLimits(), meters: IntakeMeters, clock: @escaping @Sendable () -> Timestamp
    ) {
        self.limits = limits
        self.meters = meters
        self.clock = clock
        refusals = RefusalLog(clock: clock)
    }

    /// Makes a broker's door. It is shut to producers until ``open(_:)``; replies pass it from the first moment on.
    package func makeDoor(
        namespace: String, broker: String, log: any EventLog, filters: FilterIndex = FilterIndex([])
    ) -> BrokerDoor {
        BrokerDoor(
            namespace: namespace, broker: broker, log: log, filters: filters, limits: limits,
            meters: meters.door(namespace: namespace, broker: broker), clock: clock)
    }

    /// Opens a door to producers, in the place of one of the same name that stood there.
    package func open(_ door: BrokerDoor) {
        doors.withLock { $0[Name(namespace: door.namespace, broker: door.broker)] = door }
    }

    /// Closes a broker's door: messages for it are refused from now on, those that were accepted are answered.
    package func close(namespace: String, broker: String) {
        doors.withLock { _ = $0.removeValue(forKey: Name(namespace: namespace, broker: broker)) }
    }

    /// A broker's door, or nil where none is open.
    package func door(namespace: String, broker: String) -> BrokerDoor? {
        doors.withLock { $0[Name(namespace: namespace, broker: broker)] }
    }

    /// Whether every open door's log can be written. Cheap, and asked from any thread.
    package var isHealthy: Bool { doors.withLock { $0.values.allSatisfy { $0.log.health == nil } } }

    /// Admits a message for a broker and appends it; see ``BrokerDoor/accept(_:body:headers:receiver:token:)``.
    package func accept(
        _ message: DecodedMessage, body: [UInt8], headers: [ForwardedHeader], namespace: String, broker: String,
        receiver: any IntakeReceiver, token: UInt64
    ) throws(IntakeRefusal) -> Accepted? {
        guard let door = door(namespace: namespace, broker: broker) else {
            throw IntakeRefusal(
                .unknownBroker, "There is no broker \(broker) in namespace \(namespace), or it is not ready to take events.")
        }
        return try door.accept(message, body: body, headers: headers, receiver: receiver, token: token)
    }
}

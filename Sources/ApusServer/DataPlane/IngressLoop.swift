import ApusIntake
import Logging
import NIOCore
import Synchronization

/// What all event loops of a data plane share.
final class IngressShared: Sendable {
    let intake: Intake
    let limits: DataPlaneLimits
    /// Whether the node takes events: what `/readyz` answers.
    let isReady: @Sendable () -> Bool
    let logger: Logger
    /// Connections that are open, on all loops together.
    let connections = Atomic<Int>(0)

    init(intake: Intake, limits: DataPlaneLimits, isReady: @escaping @Sendable () -> Bool, logger: Logger) {
        self.intake = intake
        self.limits = limits
        self.isReady = isReady
        self.logger = logger
    }
}

/// The connections of one event loop, and the way back to them from the log's thread: one `execute` for each commit.
// Sendable because everything that changes is touched on `eventLoop` alone, save for `inbox`, which has a lock.
final class IngressLoop: IntakeReceiver, @unchecked Sendable {
    let eventLoop: any EventLoop
    let shared: IngressShared
    private let inbox = Mutex<[IntakeOutcome]>([])

    private var places: [Place] = []
    private var freePlaces: [Int] = []
    private var finished: [IngressConnection] = []
    private var sweeper: RepeatedTask?
    private var whenEmpty: EventLoopPromise<Void>?
    /// Counts sweeps: the clock of all bounds on time, one second a step.
    private(set) var tick = 0
    private(set) var isStopping = false
    /// Bytes of bodies that are not whole yet.
    var partialBodiesBytes = 0

    private struct Place {
        var connection: IngressConnection?
        /// Tells the connections apart that stand here one after another.
        var generation: UInt32 = 0
    }

    init(eventLoop: any EventLoop, shared: IngressShared) {
        self.eventLoop = eventLoop
        self.shared = shared
    }

    /// Begins to watch over time.
    func start() {
        sweeper = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [weak self] _ in self?.sweep() }
    }

    private func sweep() {
        eventLoop.preconditionInEventLoop()
        tick += 1
        for place in places { place.connection?.checkTime(tick) }
    }
}

extension IngressLoop {
    /// Takes a connection in; gives back its place as the upper part of its requests' tokens.
    func insert(_ connection: IngressConnection) -> RequestToken {
        let index = freePlaces.popLast() ?? places.count
        if index == places.count { places.append(Place()) }
        places[index].connection = connection
        places[index].generation &+= 1
        return RequestToken(place: index, generation: places[index].generation)
    }

    func remove(_ token: RequestToken) {
        places[token.place].connection = nil
        freePlaces.append(token.place)
        guard freePlaces.count == places.count, let promise = whenEmpty else { return }
        whenEmpty = nil
        sweeper?.cancel()
        promise.succeed()
    }

    /// Lets connections finish what they began, and closes them; those that are left after `grace` are cut off.
    func stop(grace: TimeAmount) -> EventLoopFuture<Void> {
        eventLoop.flatSubmit { [self] in
            isStopping = true
            let promise = eventLoop.makePromise(of: Void.self)
            guard freePlaces.count < places.count else {
                sweeper?.cancel()
                promise.succeed()
                return promise.futureResult
            }
            whenEmpty = promise
            for place in places { place.connection?.finish() }
            let deadline = eventLoop.scheduleTask(in: grace) { for place in self.places { place.connection?.cutOff() } }
            promise.futureResult.whenComplete { _ in deadline.cancel() }
            return promise.futureResult
        }
    }

    func accepted(_ outcomes: [IntakeOutcome]) {
        let isFirst = inbox.withLock { inbox in
            inbox.append(contentsOf: outcomes)
            return inbox.count == outcomes.count
        }
        if isFirst { eventLoop.execute { self.deliver() } }
    }

    /// Hands outcomes to their connections, then lets each write once.
    private func deliver() {
        let outcomes = inbox.withLock { inbox in
            let taken = inbox
            inbox = []
            return taken
        }
        for outcome in outcomes {
            let token = RequestToken(outcome.token)
            let place = places[token.place]
            guard let connection = place.connection, token.isGeneration(place.generation) else { continue }
            let answer: IngressAnswer
            switch outcome.result {
            case .success(let accepted): answer = .accepted(accepted)
            case .failure(let refusal): answer = .refused(refusal)
            }
            if connection.answer(token.sequence, with: answer) { finished.append(connection) }
        }
        for connection in finished { connection.writeAnswers() }
        finished.removeAll(keepingCapacity: true)
    }
}

/// Where an answer goes: a place of an event loop, the generation of the connection there, and the request's number on it.
struct RequestToken: Sendable, Equatable {
    private(set) var bits: UInt64

    init(_ bits: UInt64) { self.bits = bits }

    /// 20 bits of place, 24 of generation, and 20 of sequence: numbers wrap, and no more than a few are in use at once.
    init(place: Int, generation: UInt32) {
        bits = UInt64(place & 0xF_FFFF) << 44 | UInt64(generation & 0xFF_FFFF) << 20
    }

    var place: Int { Int(bits >> 44) }
    var sequence: Int { Int(bits & 0xF_FFFF) }

    func isGeneration(_ generation: UInt32) -> Bool { UInt32(bits >> 20 & 0xFF_FFFF) == generation & 0xFF_FFFF }

    /// The token of the connection's request of that number.
    func request(_ sequence: Int) -> UInt64 { bits & ~0xF_FFFF | UInt64(sequence & 0xF_FFFF) }
}

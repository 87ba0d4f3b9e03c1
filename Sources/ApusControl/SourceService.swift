package import ApusPorts
import ApusResources
import ApusTelemetry
import Logging

/// The kinds of sources of this build, and where their sources keep what they must not forget.
package struct SourceSupport: Sendable {
    package var kinds: [any SourceKind.Type]
    package var progress: any ProgressStore

    package init(kinds: [any SourceKind.Type], progress: any ProgressStore) {
        self.kinds = kinds
        self.progress = progress
    }
}

/// One source that runs: started anew after each failure, until it is stopped.
struct SourceService: Sendable {
    let uid: String
    /// What it was made from. Equal text is an equal source.
    let fingerprint: String
    let report: SourceReport
    private let task: Task<Void, Never>
    /// Ends when the task has.
    private let ended: AsyncStream<Void>

    init(
        fingerprint: String, kind: any SourceKind.Type, resource: SourceResource, context: SourceContext, report: SourceReport,
        logger: Logger
    ) {
        uid = context.uid
        self.fingerprint = fingerprint
        self.report = report
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        self.ended = ended
        task = Task {
            await Self.supervise(kind, resource, context, report, logger)
            end.finish()
        }
    }

    /// Cancels it, and waits until it has let go, for ``Limits/sourceStopSeconds`` at most.
    func stop(clock: SourceClock) async {
        task.cancel()
        await withTaskGroup { group in
            group.addTask { [ended] in for await _ in ended {} }
            group.addTask { await clock.sleep(.seconds(Limits.sourceStopSeconds)) }
            await group.next()
            group.cancelAll()
        }
    }

    private static func supervise(
        _ kind: any SourceKind.Type, _ resource: SourceResource, _ context: SourceContext, _ report: SourceReport,
        _ logger: Logger
    ) async {
        var failures = 0
        while !Task.isCancelled {
            report.begin()
            let failure: SourceFailure
            do {
                try await kind.make(resource).run(context)
                failure = SourceFailure(reason: "Ended", message: "The source has ended by itself.")
            } catch {
                failure = error
            }
            guard !Task.isCancelled else { return }
            if report.current.wasReady { failures = 0 }
            failures += 1
            report.report(.notReady(reason: failure.reason, message: failure.message))
            report.meters.failures.add()
            if failures == 1 {
                logger.error(
                    LogMessage.sourceFailed,
                    metadata: [LogKey.resource: "\(resource.identity)", LogKey.error: "\(failure.message)"])
            }
            await context.clock.sleep(wait(afterFailures: failures))
        }
    }

    /// 1 s, 2 s, 4 s … 30 s.
    static func wait(afterFailures failures: Int) -> Duration { .seconds(min(30, 1 << min(5, max(0, failures - 1)))) }
}

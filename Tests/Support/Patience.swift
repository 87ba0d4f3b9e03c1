/// Waiting for what happens outside of this process, which nothing here can be told of: by looking again, and never for ever.
/// It is the one place in the tests that sleeps.
package enum Patience {
    package struct Lost: Error, CustomStringConvertible {
        package var description: String

        package init(description: String) { self.description = description }
    }

    /// Looks every `interval` until `condition` holds; throws a sentence with `what` when `limit` has passed.
    package static func wait(
        for what: String, upTo limit: Duration = .seconds(30), every interval: Duration = .milliseconds(5),
        until condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < deadline else { throw Lost(description: "waited \(limit) in vain for \(what)") }
            try await Task.sleep(for: interval)
        }
    }

    /// Lets a time pass in which something must *not* happen, or in which a load runs on.
    package static func pass(_ time: Duration) async throws { try await Task.sleep(for: time) }
}

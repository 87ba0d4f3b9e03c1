package import ApusPorts
package import CloudEvents

/// A `delivery` field as it holds for one trigger once precedence is settled (promise 11).
package struct DeliveryPolicy: Sendable, Equatable {
    package var retry: RetryPolicy
    /// Of one attempt.
    package var timeout: Duration
    /// The mode to deliver in; nil keeps the mode in which the event came.
    package var format: ContentMode?

    package init(
        retry: RetryPolicy = RetryPolicy(), timeout: Duration = .seconds(Limits.attemptTimeoutSeconds),
        format: ContentMode? = nil
    ) {
        self.retry = retry
        self.timeout = timeout
        self.format = format
    }

    /// Knative's default where neither the Trigger nor the Broker says anything: retry 10, exponential, PT0.2S.
    package static let standard = DeliveryPolicy(
        retry: RetryPolicy(retries: 10, backoff: .exponential, delay: .milliseconds(200)))
}

import ApusPorts
package import ApusResources
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

    /// What a Trigger and its Broker ask for together, with the Trigger's jitter.
    package init(_ delivery: EffectiveDelivery, jitter: Double) {
        self.init(
            retry: RetryPolicy(
                retries: delivery.retries, backoff: delivery.backoffPolicy, delay: delivery.backoffDelay,
                delayMax: delivery.backoffMax,
                retryAfterMax: delivery.retryAfterMax ?? .seconds(Limits.retryAfterMaxSeconds), jitter: jitter),
            timeout: delivery.timeout ?? .seconds(Limits.attemptTimeoutSeconds),
            format: delivery.format.map { $0 == .json ? .structured : .binary })
    }
}

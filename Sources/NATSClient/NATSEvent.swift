/// What happens to a connection, in its order.
package enum NATSEvent: Sendable, Equatable {
    /// The first connection stands; the server's URL.
    case connected(server: String)
    /// The connection was lost, or closed.
    case disconnected
    /// Another connection stands, with all subscriptions.
    case reconnected(server: String)
    /// Closed for good: by `close`, or because no server would have it again; then why.
    case closed(NATSError?)
    /// What the server or libnats complained of, such as a permission that is missing.
    case error(NATSError)
    /// A subscription did not take its messages in time: how many are lost so far. Said once until it has caught up.
    case slowConsumer(subject: String, droppedMessages: Int)
    /// The server shuts down and asks its clients to leave; libnats reconnects elsewhere by itself.
    case lameDuck
}

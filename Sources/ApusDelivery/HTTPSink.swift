import ApusHTTP
package import ApusPorts
import CloudEvents

/// Delivers over HTTP/1.1 from one event loop: one POST an attempt (HTTP protocol binding, section 3; promises 3, 13 and 14).
// Sendable without the compiler's proof: every member is touched on the executor's loop only.
package final class HTTPSink: EventSink, @unchecked Sendable {
    private let executor: LoopExecutor
    private let transport: HTTPTransport
    private let userAgent: String
    private var spanIDs: SpanIDs
    private var targets: [Destination: Target] = [:]
    /// The last record that left in each mode: a record that many triggers take is encoded once.
    private var lastBinary: EncodedRecord?
    private var lastStructured: EncodedRecord?

    /// A destination, read once.
    private struct Target {
        var endpoint: HTTPEndpoint
        /// The request line and the fields that are the same in every delivery there.
        var start: [UInt8]
    }

    init(executor: LoopExecutor, transport: HTTPTransport, userAgent: String, spanIDs: SpanIDs) {
        self.executor = executor
        self.transport = transport
        self.userAgent = userAgent
        self.spanIDs = spanIDs
    }

    package func deliver(_ delivery: Delivery, completion: @escaping @Sendable (Outcome) -> Void) {
        let target: Target
        let encoded: EncodedRecord
        do {
            target = try self.target(delivery.destination)
            encoded = try encode(delivery)
        } catch let refusal {
            executor.execute { completion(.failed(refusal.message)) }
            return
        }
        let trace = encoded.trace.map { SentTrace(context: $0, spanID: spanIDs.next(), state: encoded.traceState) }
        let request = HTTPRequest(
            head: head(delivery, target, encoded, trace), body: encoded.body,
            reading: Self.bounds(wantsReply: delivery.wantsReply))
        let wantsReply = delivery.wantsReply
        transport.exchange(request, with: target.endpoint, timeout: delivery.timeout) { [executor] result in
            switch result {
            case .success(let answer):
                completion(.answered(AnswerRecord.read(answer, wantsReply: wantsReply, trace: trace, now: executor.now)))
            case .failure(let failure): completion(.failed(failure.message))
            }
        }
    }

    /// Closes the connections that are kept. Comes from any thread.
    func close() { transport.close() }

    private static func bounds(wantsReply: Bool) -> AnswerBounds {
        var bounds = AnswerBounds()
        bounds.readBytesMax = Limits.responseBytesMax
        bounds.keptBytesMax = wantsReply ? Limits.responseBytesMax : Limits.errorBodyBytesMax
        bounds.otherKeptBytesMax = Limits.errorBodyBytesMax
        return bounds
    }

    private func target(_ destination: Destination) throws(HTTPFailure) -> Target {
        if let target = targets[destination] { return target }
        let url: HTTPURL
        do {
            url = try HTTPURL(destination.url)
        } catch {
            throw HTTPFailure(error.message)
        }
        var start = Array("POST \(url.target) HTTP/1.1\r\nHost: \(url.hostField)\r\n".utf8)
        start.appendField("User-Agent", userAgent)
        let target = Target(endpoint: HTTPEndpoint(url, caCerts: destination.caCerts), start: start)
        if targets.count >= Limits.rememberedDestinationsMax { targets.removeAll() }
        targets[destination] = target
        return target
    }

    private func encode(_ delivery: Delivery) throws(HTTPFailure) -> EncodedRecord {
        switch delivery.mode {
        case .binary:
            if let last = lastBinary, last.isOf(delivery) { return last }
            let encoded: EncodedRecord
            do {
                encoded = try EncodedRecord(binary: delivery.record, added: delivery.added)
            } catch {
                throw HTTPFailure("the event cannot be sent in binary mode: \(error.message)")
            }
            lastBinary = encoded
            return encoded
        case .structured, .batched:
            if let last = lastStructured, last.isOf(delivery) { return last }
            let encoded = EncodedRecord(structured: delivery.record, added: delivery.added)
            lastStructured = encoded
            return encoded
        }
    }

    private func head(_ delivery: Delivery, _ target: Target, _ encoded: EncodedRecord, _ trace: SentTrace?) -> [UInt8] {
        var head: [UInt8] = []
        // Room for `Prefer`, `Kn-Namespace` and `traceparent`, so that the head is allocated once.
        head.reserveCapacity(target.start.count + encoded.lines.count + delivery.namespace.utf8.count + 128)
        head.append(contentsOf: target.start)
        head.append(contentsOf: encoded.lines)
        if delivery.wantsReply { head.append("Prefer: reply\r\n") }
        head.appendField("Kn-Namespace", delivery.namespace)
        if let trace {
            head.append("traceparent: ")
            trace.appendParent(to: &head)
            head.append("\r\n")
        }
        head.append("\r\n")
        return head
    }
}

extension Delivery {
    /// The mode to send in (promise 3). A batch never leaves: its events are structured.
    var mode: ContentMode { format ?? record.event.mode }
}

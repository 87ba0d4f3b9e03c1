/// The batch of the JSON event format (section 4).
enum JSONBatch {
    /// Reads each event in order and hands it over with its object's range. Errors carry the index of the event that is wrong.
    static func forEach(
        in bytes: Span<UInt8>, limits: FormatLimits, _ take: (JSONEvent, Range<Int>) throws(CloudEventError) -> Void
    ) throws(CloudEventError) {
        var scanner = JSONScanner(nestingMax: limits.nesting)
        scanner.skipByteOrderMark(bytes)
        guard scanner.next(bytes) == 0x5B else {
            let failure = scanner.failure(bytes, "a JSON array of events is needed")
            throw CloudEventError(.invalidBatch, failure.message)
        }
        scanner.position += 1
        guard scanner.next(bytes) != 0x5D else {
            scanner.position += 1
            return try scanner.finish(bytes)
        }
        var version: SpecVersion?
        var index = 0
        repeat {
            guard index < limits.batchEvents else {
                throw CloudEventError(
                    .tooManyEvents,
                    "the batch has more than \(limits.batchEvents) events: \(limits.batchEvents) at most are needed")
            }
            do throws(CloudEventError) {
                let (event, range) = try self.event(bytes, &scanner, limits: limits)
                guard version == nil || version == event.version else {
                    throw CloudEventError(
                        .invalidBatch, "the batch mixes versions: the same specversion in every event is needed",
                        field: "specversion")
                }
                version = event.version
                try take(event, range)
            } catch {
                throw indexed(error, index)
            }
            index += 1
        } while try scanner.another(bytes, close: 0x5D)
        try scanner.finish(bytes)
    }

    private static func event(
        _ bytes: Span<UInt8>, _ scanner: inout JSONScanner, limits: FormatLimits
    ) throws(CloudEventError) -> (JSONEvent, Range<Int>) {
        guard scanner.next(bytes) == 0x7B else {
            let failure = scanner.failure(bytes, "a JSON object that holds an event is needed")
            throw CloudEventError(.invalidBatch, failure.message)
        }
        let object = try JSONObject(bytes, &scanner, limits: limits)
        return (try JSONEvent(object, bytes, limits: limits), object.range)
    }

    private static func indexed(_ error: CloudEventError, _ index: Int) -> CloudEventError {
        var error = error
        error.index = index
        error.message = "event \(index) of the batch: " + error.message
        return error
    }
}

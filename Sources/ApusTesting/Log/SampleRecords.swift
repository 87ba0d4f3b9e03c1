package import ApusPorts
internal import CloudEvents

/// Records to append.
package enum SampleRecords {
    /// A small record that is known by its number.
    package static func numbered(_ number: Int, bytes: Int = 16) -> EventRecord {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string(String(number)))
        attributes.append("source", .uriReference("/contract"))
        attributes.append("type", .string("com.example.numbered"))
        return EventRecord(
            attributes: attributes, mode: .binary, contentType: "text/plain",
            body: [UInt8](repeating: UInt8(number & 0xFF), count: bytes))
    }

    package static func numbered(_ numbers: Range<Int>) -> [EventRecord] { numbers.map { numbered($0) } }

    /// Records that together have every field in every shape, and text that a careless copy would change.
    package static var everyShape: [EventRecord] {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string("e\u{301}\u{0}\r\n\u{1F600} \u{E9}"))
        attributes.append("source", .uriReference("../a?b=%7E%7e#c"))
        attributes.append("type", .string(""))
        attributes.append("dataschema", .uri("HTTP://EXAMPLE.com:80/%41"))
        attributes.append("time", .timestamp("2026-01-01T00:00:60.1234567890123+00:00"))
        attributes.append("flag", .boolean(true))
        attributes.append("off", .boolean(false))
        attributes.append("least", .integer(.min))
        attributes.append("most", .integer(.max))
        attributes.append("bytes", .binary([0, 255, 10]))
        attributes.append("nothing", .binary([]))
        let plain = EventRecord(attributes: Attributes(), mode: .binary)
        let full = EventRecord(
            attributes: attributes, mode: .structured, contentType: "Application/CloudEvents+JSON; charset=\"UTF-8\"",
            body: (0...255).map { UInt8($0) },
            headers: [
                ForwardedHeader(name: "traceparent", value: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ForwardedHeader(name: "x-b3-flags", value: ""), ForwardedHeader(name: "kn-a", value: "\u{212B}"),
            ],
            hops: 3, cause: Cause(trigger: "orders", position: Position(lane: 2, offset: 1 << 40)))
        var dead = full
        dead.deadLetter = DeadLetter(
            trigger: "billing", position: Position(lane: 0, offset: .max), reason: .retriesExhausted, attempts: 11,
            destination: "http://example.com/\u{E9}", status: 503, body: [0, 159, 146, 150],
            firstAttemptAt: Timestamp(nanoseconds: -1), lastAttemptAt: Timestamp(nanoseconds: .max))
        var large = numbered(1)
        large.body = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        large.contentType = nil
        var others = DeadLetter.Reason.allCases.map { reason in
            var other = dead
            other.deadLetter?.reason = reason
            other.cause = nil
            return other
        }
        others.append(contentsOf: [plain, full, dead, large])
        return others
    }
}

extension EventRecord {
    /// Every field as bytes. Swift's `==` of strings takes canonically equivalent ones for equal, and would not see them changed.
    package var fingerprint: [UInt8] { [UInt8]("\(self)".utf8) }
}

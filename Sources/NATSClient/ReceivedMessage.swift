internal import CNATS

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension NATSMessage {
    /// Copies all of a message that libnats received; the message stays its owner's.
    init(copying message: OpaquePointer) {
        let subject = natsMsg_GetSubject(message)
        let reply = natsMsg_GetReply(message)
        let data = natsMsg_GetData(message)
        let payload = UnsafeRawBufferPointer(start: data, count: max(0, Int(natsMsg_GetDataLength(message))))
        self.init(
            subject: subject.map { String(cString: $0) } ?? "", reply: reply.map { String(cString: $0) }, payload: Array(payload))
        if let before = reply ?? subject, let data { readHeaders(Self.headerBlock(after: before, before: data)) }
    }

    /// The bytes of the headers as they were sent.
    ///
    /// `natsMsgHeader_Get` and its like take the line after an empty value for that value, and fail where the last value is empty
    /// (3.4.1 to 3.13). libnats keeps what it received in one piece: subject, reply and headers, each with a NUL, then the data.
    private static func headerBlock(
        after text: UnsafePointer<CChar>, before data: UnsafePointer<CChar>
    ) -> UnsafeRawBufferPointer {
        let start = text + strlen(text) + 1
        let count = start.distance(to: data) - 1
        guard count > 0, start[count] == 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    /// Reads `NATS/1.0`, a status and its text where there are any, and a field a line.
    mutating func readHeaders(_ block: some Collection<UInt8>) {
        guard block.starts(with: "NATS/1.0".utf8) else { return }
        var lines = block.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).makeIterator()
        let status = lines.next().map { Self.trimmed($0.dropFirst("NATS/1.0".utf8.count)) } ?? ""
        if let code = Int(status.prefix(3)) {
            self.status = code
            statusText = String(status.dropFirst(3).drop { $0 == " " })
        }
        while let line = lines.next() {
            if let first = line.first, Self.isBlank(first), first != UInt8(ascii: "\r") {
                headers.extendLast(Self.trimmed(line))
            } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
                let name = String(decoding: line[..<colon], as: UTF8.self)
                headers.add(name, Self.trimmed(line[line.index(after: colon)...]))
            }
        }
    }

    private static func trimmed(_ bytes: some Collection<UInt8>) -> String {
        var bytes = Array(bytes.drop(while: isBlank))
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
}

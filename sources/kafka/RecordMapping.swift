import ApusPorts
import CloudEvents
import KafkaClient

/// How a record's key becomes an attribute: Knative's label on the source.
enum KeyType: String, CaseIterable, Sendable {
    case string, int, float
    case byteArray = "byte-array"

    /// The attribute `key`; nil where there is none. A key that is not of its type is taken as text, what is no text as bytes.
    func attribute(of key: [UInt8]) -> AttributeValue? {
        if key.isEmpty { return nil }
        switch self {
        case .string: return AttributeText.value(key)
        case .int: return Self.integer(key) ?? AttributeText.value(key)
        case .float: return Self.float(key) ?? AttributeText.value(key)
        case .byteArray: return .binary(key)
        }
    }

    /// As Java's serializers write a Byte, a Short, an Integer or a Long. CloudEvents' Integer has 32 bits.
    private static func integer(_ key: [UInt8]) -> AttributeValue? {
        let number: Int64
        switch key.count {
        case 1: number = Int64(Int8(bitPattern: key[0]))
        case 2: number = Int64(Int16(truncatingIfNeeded: bits(key)))
        case 4: number = Int64(Int32(truncatingIfNeeded: bits(key)))
        case 8: number = Int64(bitPattern: bits(key))
        default: return nil
        }
        return Int32(exactly: number).map { .integer($0) } ?? .string(String(number))
    }

    /// As Java's serializers write a Float or a Double. CloudEvents has no such type: the shortest text that gives it back.
    private static func float(_ key: [UInt8]) -> AttributeValue? {
        switch key.count {
        case 4: .string("\(Float(bitPattern: UInt32(truncatingIfNeeded: bits(key))))")
        case 8: .string("\(Double(bitPattern: bits(key)))")
        default: nil
        }
    }

    private static func bits(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}

/// Bytes of others as an attribute's value.
enum AttributeText {
    /// Text where CloudEvents allows it as a String, else the bytes, which leave in base64.
    static func value(_ bytes: [UInt8]) -> AttributeValue {
        guard let text = String(validating: bytes, as: UTF8.self), text.unicodeScalars.allSatisfy(isAllowed) else {
            return .binary(bytes)
        }
        return .string(text)
    }

    /// Core specification, section 2.4: no control characters, no noncharacters.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0xFDD0...0xFDEF: false
        default: scalar.value & 0xFFFE != 0xFFFE
        }
    }
}

/// What a record becomes (knative.md, 2.5): a CloudEvent passes as it is, anything else is wrapped.
struct RecordMapping: Sendable {
    /// Up to the topic: `/apis/v1/namespaces/NAMESPACE/kafkasources/NAME#`.
    let sourcePrefix: String
    let keyType: KeyType

    func item(_ record: KafkaRecord) -> SourceItem {
        SourceItem(event(record), raw: record.value ?? [], origin: Self.origin(record))
    }

    /// `orders partition 3 offset 17`.
    static func origin(_ record: KafkaRecord) -> String {
        "\(record.partition.topic) partition \(record.partition.partition) offset \(record.offset)"
    }

    private func event(_ record: KafkaRecord) -> Result<SourceEvent, SourceItem.Unreadable> {
        if record.headers.isEmpty { return .success(wrapped(record)) }
        do {
            let message = try KafkaBinding.decode(
                headers: record.headers.map { ($0.name, $0.value) }, value: record.value)
            guard let decoded = message.events.first else { return .success(wrapped(record)) }
            var event = SourceEvent(
                CloudEvent(attributes: decoded.attributes, data: record.value), headers: Self.travelling(record))
            event.mode = message.mode
            event.contentType = message.contentType
            return .success(event)
        } catch  where error.code == .notACloudEvent {
            return wrappedWithHeaders(record)
        } catch {
            return .failure(.init(Self.refusal(error.message, record)))
        }
    }

    // MARK: Records that are no CloudEvents

    private func wrapped(_ record: KafkaRecord) -> SourceEvent {
        let (topic, partition) = (record.partition.topic, record.partition.partition)
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        // The same record has the same id, however often it is read: the Broker's duplicate window knows it again.
        attributes.append("id", .string("partition:\(partition)/offset:\(record.offset)"))
        attributes.append("source", .uriReference("\(sourcePrefix)\(topic)"))
        attributes.append("type", .string(KafkaSource.eventType))
        attributes.append("subject", .string("partition:\(partition)#\(record.offset)"))
        if let time = Self.time(record.timestamp) { attributes.append("time", .timestamp(time)) }
        if let key = record.key.flatMap(keyType.attribute) {
            attributes.append("partitionkey", key)
            attributes.append("key", key)
        }
        return SourceEvent(CloudEvent(attributes: attributes, data: record.value), headers: Self.travelling(record))
    }

    private func wrappedWithHeaders(_ record: KafkaRecord) -> Result<SourceEvent, SourceItem.Unreadable> {
        var event = wrapped(record)
        for header in record.headers {
            guard let value = header.value, !value.isEmpty else { continue }
            if event.contentType == nil, header.name.utf8.elementsEqual("content-type".utf8) {
                event.contentType = Self.mediaType(value)
            }
            event.attributes.set(Self.attributeName(ofHeader: header.name), to: AttributeText.value(value))
        }
        guard event.attributes.count < Limits.attributesMax else {
            let count = record.headers.count
            return .failure(.init("The record has \(count) headers; an event has \(Limits.attributesMax) attributes at most."))
        }
        if let contentType = event.contentType { event.attributes.set("datacontenttype", to: .string(contentType)) }
        return .success(event)
    }

    /// `kafkaheader` and the letters and digits of the name, in lower case.
    static func attributeName(ofHeader name: String) -> String {
        var bytes = Array("kafkaheader".utf8)
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): bytes.append(byte)
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte | 0x20)
            default: break
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// nil where the text is no media type: the event has no `datacontenttype` then.
    private static func mediaType(_ value: [UInt8]) -> String? {
        guard case .string(let text) = AttributeText.value(value),
            (try? CloudEvent(id: "1", source: "/", type: "t", dataContentType: text)) != nil
        else { return nil }
        return text
    }

    private static func time(_ timestamp: KafkaRecord.Timestamp) -> String? {
        let milliseconds: Int64
        switch timestamp {
        case .none: return nil
        case .created(let value), .appended(let value): milliseconds = value
        }
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow || milliseconds < 0 ? nil : CloudEvents.Timestamp(nanoseconds: nanoseconds).rfc3339
    }

    // MARK: What travels beside the event

    /// The trace goes on.
    private static func travelling(_ record: KafkaRecord) -> [ForwardedHeader] {
        record.headers.compactMap { header in
            guard header.name == "traceparent" || header.name == "tracestate", let value = header.value, value.count <= 512,
                value.allSatisfy({ (0x20...0x7E).contains($0) })
            else { return nil }
            return ForwardedHeader(name: header.name, value: String(decoding: value, as: UTF8.self))
        }
    }

    /// The dead stream keeps the value; what stood in the headers is said beside the reason, as far as there is room.
    private static func refusal(_ reason: String, _ record: KafkaRecord) -> String {
        let headers = record.headers.map { header in
            "\(header.name)=\(header.value.map { AttributeText.value($0).text } ?? "")"
        }
        return "\(reason); headers: \(headers.joined(separator: " "))"
    }
}

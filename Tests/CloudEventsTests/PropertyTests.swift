import TestSupport
import Testing

@testable import CloudEvents

@Suite struct `Whatever comes in` {
    private static let texts = [
        #"{"specversion":"1.0","type":"t","source":"/s?a=%20#f","id":"é\u00e9\ud83d\ude00","x":true,"#
            + #""n":-5,"data":{"a":[1.5e3,null]}}"#,
        #"{"specversion":"1.0","type":"t","source":"http://[::1]:8/s","id":"1","#
            + #""time":"2020-02-29T23:59:60Z","data_base64":"e30="}"#,
        #"{"specversion":"1.0","type":"t","source":"/","id":"1","datacontenttype":"text/plain;charset=\"utf-8\"","data":"a\n"}"#,
        #"{"specversion":"0.3","type":"t","source":"","id":"1","datacontentencoding":"base64","schemaurl":"x","data":"e30="}"#,
        #"[{"specversion":"1.0","type":"t","source":"/s","id":"1"} , {"id":"2","specversion":"1.0","type":"t","source":"/s"}]"#,
    ]

    private static let heads: [[(name: String, value: String)]] = [
        [
            ("ce-specversion", "1.0"), ("ce-id", "\"a \\\" b\""), ("ce-source", "/a%20b"), ("ce-type", "caf%C3%A9"),
            ("ce-x", "5%"),
        ],
        [("Ce-SpecVersion", "0.3"), ("ce-id", "é"), ("ce-source", "/"), ("ce-type", "t"), ("Content-Type", "a/b; c=\"d\"")],
        [("Content-Type", "application/cloudevents+json; charset=utf-8")],
        [("Content-Type", "application/cloudevents-batch+json"), ("content-encoding", "identity")],
    ]

    /// Bytes that mean something to one of the grammars, so that mutations go deep.
    private static let pieces: [[UInt8]] =
        [
            "\"", "\\", "\\u", "\\ud800", "{", "}", "[", "]", ",", ":", "null", "1e5", "-", "%", "%C3", "%zz", "\u{0}", "é",
            "\r\n",
            "data", "data_base64", "specversion", "1.0", "0.3", "/", "//", "@", "[::", ";", "=", "z", "60", "",
        ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xEF, 0xBB, 0xBF], [0xF4, 0x90]]

    private func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 0...5, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.replaceSubrange(at..<end, with: Self.pieces.randomElement(using: &random) ?? [])
            case 1: bytes.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: at)
            case 2: bytes.removeSubrange(at..<end)
            default: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
            }
        }
        return bytes
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `as JSON never crashes and comes back the same`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var accepted = 0
        for round in 0..<8_000 {
            let bytes = mutated(Array(Self.texts[round % Self.texts.count].utf8), &random)
            guard let events = (try? JSONFormat.decode(bytes)).map({ [$0] }) ?? (try? JSONFormat.decodeBatch(bytes)) else {
                continue
            }
            accepted += 1
            for event in events {
                try event.validate()
                let json = JSONFormat.encode(event)
                let again = try JSONFormat.decode(json)
                #expect(same(again, event), "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
                let spliced = JSONFormat.splice([Attribute(name: "x", value: .string("new"))], into: json)
                #expect(try JSONFormat.decode(spliced).attributes.text(of: "x") == "new", "seed \(seed), round \(round)")
                try comesBack(event, "seed \(seed), round \(round)")
            }
        }
        #expect(accepted > 500)
    }

    @Test(arguments: [5, 6, 7, 8] as [UInt64])
    func `as headers never crashes and comes back the same`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var accepted = 0
        for round in 0..<8_000 {
            var block = HeaderBlock(bytes: [], fields: [])
            for pair in Self.heads[round % Self.heads.count] {
                let isHit = Int.random(in: 0..<4, using: &random) == 0
                let name = Array(pair.name.utf8)
                let value = isHit ? mutated(Array(pair.value.utf8), &random) : Array(pair.value.utf8)
                let start = block.bytes.count
                block.bytes += isHit && round % 3 == 0 ? mutated(name, &random) : name
                let middle = block.bytes.count
                block.bytes += value
                block.fields.append(HeaderBlock.Field(name: start..<middle, value: middle..<block.bytes.count))
            }
            let body = Array(Self.texts[Int.random(in: 0..<Self.texts.count, using: &random)].utf8)
            guard let events = try? HTTPBinding.events(headers: block, body: body) else { continue }
            accepted += 1
            for event in events { try comesBack(event, "seed \(seed), round \(round)") }
        }
        #expect(accepted > 500)
    }

    @Test func `as a word of eight bytes is looked at like one by one`() throws {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<17 {
                var text = [UInt8](repeating: 0x61, count: 17)
                text[place] = byte
                let isPlain = byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x5C
                let json = [0x22] + text + [0x22]
                #expect(JSONScanner.isValue(json.span, nestingMax: 1) == isPlain, "byte \(byte) at \(place)")
            }
        }
    }

    private func comesBack(_ event: CloudEvent, _ place: String) throws {
        for mode in [ContentMode.binary, .structured, .batched] {
            let message = HTTPBinding.encode(event, mode: mode)
            let events = try HTTPBinding.events(headers: HeaderBlock(message.headers), body: message.body)
            #expect(events.count == 1)
            var event = event
            if mode == .binary {
                event.attributes = event.attributes.inBinaryMode(impliedJSON: false)
                if event.data?.isEmpty == true { event.data = nil }
            }
            #expect(same(events[0], event), "\(place), \(mode)")
            guard mode != .batched else { continue }
            let record = KafkaBinding.encode(event, mode: mode)
            let read = try KafkaBinding.decode(headers: record.headers.map { ($0.name, $0.value) }, value: record.value)
            #expect(read.mode == mode)
            #expect(same(sorted(try held(read, record.value)), sorted(event)), "\(place), \(mode), Kafka")
            let letter = NATSBinding.encode(event, mode: mode)
            let heard = try NATSBinding.decode(headers: letter.headers, payload: letter.payload)
            #expect(heard.mode == mode)
            #expect(same(try held(heard, letter.payload.isEmpty ? nil : letter.payload), event), "\(place), \(mode), NATS")
        }
    }

    /// Kafka's headers are read with the media type first.
    private func sorted(_ event: CloudEvent) -> CloudEvent {
        var attributes = Attributes()
        for attribute in event.attributes.sorted(by: { $0.name < $1.name }) { attributes.append(attribute.name, attribute.value) }
        return CloudEvent(attributes: attributes, data: event.data)
    }

    /// The event that a decoded message holds.
    private func held(_ message: DecodedMessage, _ data: [UInt8]?) throws -> CloudEvent {
        guard message.mode == .binary else { return try JSONFormat.decode(data ?? []) }
        return CloudEvent(attributes: message.events[0].attributes, data: data)
    }

    /// Equal but for the types that headers do not carry, the place of 0.3's encoding, and space around JSON data.
    private func same(_ left: CloudEvent, _ right: CloudEvent) -> Bool {
        func texts(_ event: CloudEvent) -> [String] {
            event.attributes.filter { $0.name != "datacontentencoding" }.map { "\($0.name)=\($0.value.text)" }
        }
        func trimmed(_ data: [UInt8]?) -> [UInt8]? {
            guard let type = left.dataContentType, MediaType(Array(type.utf8).span)?.isJSON == true else { return data }
            return data.map { bytes in
                let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
                return Array(bytes.drop { space.contains($0) }.reversed().drop { space.contains($0) }.reversed())
            }
        }
        guard zip(texts(left), texts(right)).allSatisfy({ $0.utf8.elementsEqual($1.utf8) }) else { return false }
        return texts(left).count == texts(right).count && trimmed(left.data) == trimmed(right.data)
    }
}

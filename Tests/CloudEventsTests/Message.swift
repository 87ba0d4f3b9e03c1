import CloudEvents
import Foundation
import Specs

/// A message of a vector, in one of the forms that `specs/README.md` names.
struct Message: Decodable, Sendable {
    var headers: [String]?
    var add: [String]?
    var addBase64: [String]?
    var body: String?
    var bodyBase64: String?
    var json: String?
    var members: String?

    static let minimalHeaders = ["ce-specversion: 1.0", "ce-type: t", "ce-source: /s", "ce-id: 1"]
    static let minimalObject = #"{"specversion":"1.0","type":"t","source":"/s","id":"1""#

    var block: HeaderBlock {
        var lines: [[UInt8]] = []
        if let headers {
            lines = headers.map { Array($0.utf8) }
        } else if json != nil || members != nil {
            lines = [Array("Content-Type: application/cloudevents+json".utf8)]
        } else {
            lines = Self.minimalHeaders.map { Array($0.utf8) }
        }
        lines += (add ?? []).map { Array($0.utf8) }
        lines += (addBase64 ?? []).map { Array(Data(base64Encoded: $0) ?? Data()) }
        return HeaderBlock(lines: lines)
    }

    var bytes: [UInt8] {
        if let bodyBase64 { return Array(Data(base64Encoded: bodyBase64) ?? Data()) }
        if let members { return Array("\(Self.minimalObject),\(members)}".utf8) }
        return Array((json ?? body ?? "").utf8)
    }
}

/// What a message must give: an event or events, or an error.
struct Expectation: Decodable, Sendable {
    var mode: String?
    var attributes: [String: String]?
    var absent: [String]?
    var data: String?
    var dataBase64: String?
    var noData: Bool?
    var events: Int?
    var error: String?
    var field: String?
    var index: Int?
    var message: String?

    init() {}

    var dataBytes: [UInt8]? {
        data.map { Array($0.utf8) } ?? dataBase64.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
    }
}

/// A vector of the files that hold messages.
struct MessageVector: Decodable, Sendable, CustomStringConvertible {
    var number: Int?
    var name: String
    var message: Message
    var expect: Expectation

    enum CodingKeys: String, CodingKey {
        case number = "case"
        case name
        case expect
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        number = try container.decodeIfPresent(Int.self, forKey: .number)
        name = try container.decode(String.self, forKey: .name)
        expect = try container.decode(Expectation.self, forKey: .expect)
        message = try Message(from: decoder)
    }

    var description: String { "\(number.map { "\($0): " } ?? "")\(name)" }
}

extension HeaderBlock {
    /// A block from lines `name: value`, with the white space around the values taken off.
    init(lines: [[UInt8]]) {
        self.init(bytes: [], fields: [])
        for line in lines {
            guard let colon = line.firstIndex(of: 0x3A) else { continue }
            var value = line[(colon + 1)...]
            while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
            while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
            let start = bytes.count
            bytes += line[..<colon]
            let middle = bytes.count
            bytes += value
            fields.append(Field(name: start..<middle, value: middle..<bytes.count))
        }
    }
}

/// A raw request, as far as these tests need one: its head split into lines, and the bytes after it.
struct RawRequest {
    var headers: HeaderBlock
    var body: [UInt8]

    init?(_ bytes: [UInt8]) {
        let end: [UInt8] = [13, 10, 13, 10]
        guard let split = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        for byte in bytes[..<split] {
            if byte == 10, line.last == 13 {
                lines.append(line.dropLast())
                line = []
            } else {
                line.append(byte)
            }
        }
        lines.append(line)
        headers = HeaderBlock(lines: Array(lines.dropFirst()))
        body = Array(bytes[(split + 4)...])
    }
}

extension ContentMode {
    var name: String {
        switch self {
        case .binary: "binary"
        case .structured: "structured"
        case .batched: "batched"
        }
    }
}

/// What keeps a message from its expectation; empty where nothing does.
func mismatches(_ headers: HeaderBlock, _ body: [UInt8], _ expect: Expectation, limits: FormatLimits = FormatLimits()) -> [String]
{
    var found: [String] = []
    func check(_ condition: Bool, _ text: @autoclosure () -> String) { if !condition { found.append(text()) } }
    do throws(CloudEventError) {
        let message = try HTTPBinding.decode(headers: headers, body: body, limits: limits)
        let events = try HTTPBinding.events(headers: headers, body: body, limits: limits)
        check(expect.error == nil, "was accepted, \(expect.error ?? "") is due")
        check(message.events.map(\.attributes) == events.map(\.attributes), "decode and events disagree")
        if let mode = expect.mode { check(message.mode.name == mode, "mode is \(message.mode.name)") }
        if let count = expect.events { check(events.count == count, "\(events.count) events") }
        guard let event = events.first else { return found }
        for (name, value) in expect.attributes ?? [:] {
            let text = event.attributes.text(of: name)
            check(text.map { Array($0.utf8) } == Array(value.utf8), "\(name) is \(text ?? "absent"), not \(value)")
        }
        for name in expect.absent ?? [] { check(event.attributes[name] == nil, "\(name) is there") }
        if let data = expect.dataBytes { check(event.data == data, "data is \(event.data ?? [])") }
        if expect.noData == true { check(event.data == nil, "there is data") }
    } catch {
        check(error.code.rawValue == expect.error, "\(error.code.rawValue) (\(error.message)), not \(expect.error ?? "accepted")")
        if let field = expect.field { check(error.field == field, "field is \(error.field ?? "absent")") }
        check(error.index == expect.index, "index is \(error.index.map(String.init) ?? "absent")")
        let saysWhatIsRight = ["needed", "needs", "at most"].contains { error.message.contains($0) }
        check(saysWhatIsRight, "the message does not say what would be right: \(error.message)")
        if let piece = expect.message { check(error.message.contains(piece), "message is \(error.message)") }
    }
    return found
}

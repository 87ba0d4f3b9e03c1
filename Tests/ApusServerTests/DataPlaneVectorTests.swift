import ApusPorts
import BrokerMemory
import CloudEvents
import Foundation
import Specs
import Testing

@testable import ApusIntake

/// What both kinds of vectors say of a request.
struct RequestExpectation: Sendable {
    var status: Int
    var error: String?
    var events: Int?
    var attributes: [String: String] = [:]
    var absent: [String] = []
    /// The body as the log keeps it, where that is known.
    var body: [UInt8]?
}

struct WireVector: Decodable, Sendable {
    var name: String
    var request: String
    var bodyRepeat: Repeat?
    var expect: Expect

    struct Repeat: Decodable, Sendable {
        var text: String
        var count: Int
    }

    struct Expect: Decodable, Sendable {
        var status: Int
        var error: String?
        var events: Int?
        var attributes: [String: String]?
        var absent: [String]?
    }

    var bytes: [UInt8] {
        Array(request.utf8) + (bodyRepeat.map { Array(String(repeating: $0.text, count: $0.count).utf8) } ?? [])
    }

    var expectation: RequestExpectation {
        RequestExpectation(
            status: expect.status, error: expect.error, events: expect.events, attributes: expect.attributes ?? [:],
            absent: expect.absent ?? [])
    }
}

struct EdgeCases: Decodable, Sendable {
    var cases: [Case]

    struct Case: Decodable, Sendable {
        var n: Int
        var title: String
        var raw_base64: String
        var expect: Expect
    }

    struct Expect: Decodable, Sendable {
        var status: Int
        var mode: String?
        var attributes: [String: String]?
        var absent_attributes: [String]?
        var data_base64: String?
        var event_count: Int?
    }
}

@Suite struct `A request of the vectors` {
    /// Sends each on a connection of its own, `/events` rewritten to the broker's path, and looks at answer and log.
    private func run(_ vectors: [(name: String, bytes: [UInt8], expectation: RequestExpectation)]) async throws {
        for (name, bytes, expectation) in vectors {
            let log = DataPlane.memoryLog()
            try await DataPlane.with(log: log) { plane in
                let answer = try plane.ask(bytes: Self.rewritten(bytes))
                #expect(answer.status == expectation.status, "\(name): \(answer.body)")
                if let error = expectation.error { #expect(answer.body.contains("\"\(error)\""), "\(name): \(answer.body)") }
                let records = try await log.read(.events, from: 0, limit: ReadLimit(records: 100)).map(\.event)
                let count = expectation.events ?? (expectation.status == 202 ? 1 : 0)
                #expect(records.count == count, "\(name)")
                guard let record = records.first else { return }
                for (attribute, text) in expectation.attributes where attribute != "time" {
                    #expect(record.attributes.text(of: attribute) == text, "\(name)")
                }
                for attribute in expectation.absent { #expect(record.attributes[attribute] == nil, "\(name)") }
                if let body = expectation.body, record.mode == .binary { #expect(record.body == body, "\(name)") }
            }
        }
    }

    private static func rewritten(_ bytes: [UInt8]) -> [UInt8] {
        let path = Array(" /events ".utf8)
        guard let start = bytes.firstIndex(of: 32), bytes[start...].starts(with: path) else { return bytes }
        return bytes[..<start] + Array(" /default/default ".utf8) + bytes[(start + path.count)...]
    }

    @Test func `is answered as the wire's vectors say`() async throws {
        let vectors = Specs.vectors("cloudevents/http-wire.yaml", as: WireVector.self)
        try await run(vectors.map { ($0.name, $0.bytes, $0.expectation) })
    }

    @Test(.enabled(if: Specs.sharedVectors != nil))
    func `is answered as the shared edge cases say`() async throws {
        let folder = try #require(Specs.sharedVectors)
        let data = try Data(contentsOf: folder.appendingPathComponent("edge_cases/cases.json"))
        let cases = try JSONDecoder().decode(EdgeCases.self, from: data).cases
        Specs.count(cases.count, in: "shared/vectors/edge_cases")
        try await run(
            try cases.map { edge in
                let expect = edge.expect
                let bytes = try #require(Data(base64Encoded: edge.raw_base64))
                // Promise 4 decides case 152 otherwise.
                let isOverridden = edge.n == 152
                return (
                    "\(edge.n) \(edge.title)", Array(bytes),
                    RequestExpectation(
                        status: isOverridden ? 405 : expect.status, events: isOverridden ? 0 : expect.event_count,
                        attributes: expect.attributes ?? [:], absent: expect.absent_attributes ?? [],
                        body: expect.data_base64.flatMap { Data(base64Encoded: $0) }.map { Array($0) })
                )
            })
    }
}

extension DataPlane {
    func ask(bytes: [UInt8]) throws -> WireAnswer {
        let wire = try connect()
        try wire.send(bytes)
        return try wire.receive()
    }
}

import CloudEvents
import Specs
import Testing

private struct NATSVector: Decodable, Sendable {
    var name: String
    var headers: [String]
    var payload: String
    var mode: String?
    var attributes: [String: String]?
    var absent: [String]?
    var error: String?

    var pairs: [(name: String, value: String)] {
        headers.map { line in
            let colon = line.firstRange(of: ": ") ?? line.endIndex..<line.endIndex
            return (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
        }
    }
}

@Suite struct `A NATS message` {
    @Test func `is the event that the vectors say`() {
        for vector in Specs.vectors("cloudevents/nats.yaml", as: NATSVector.self) {
            do {
                let message = try NATSBinding.decode(headers: vector.pairs, payload: Array(vector.payload.utf8))
                #expect(vector.error == nil, "\(vector.name): it was read")
                #expect("\(message.mode)" == vector.mode, "\(vector.name)")
                let event = message.events.first
                for (name, text) in vector.attributes ?? [:] {
                    #expect(event?.attributes.text(of: name) == text, "\(vector.name): \(name)")
                }
                for name in vector.absent ?? [] { #expect(event?.attributes[name] == nil, "\(vector.name): \(name)") }
            } catch {
                #expect(error.code.rawValue == vector.error, "\(vector.name): \(error.message)")
            }
        }
    }
}

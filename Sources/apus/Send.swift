import ApusHTTP
import ArgumentParser
import CloudEvents
import Foundation

struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send an event to a broker, or to any URL, and print the answer.",
        discussion: """
            The event comes from flags, or as JSON (one event, or a list of them for --mode batch) from --file.
            Exit code 0 for an answer of 200 to 299, else 1.

            EXAMPLES
              apus send --type com.example.order.created --source /shop --data '{"total":42}'
              apus send --type t --source /s --subject 7 --extension partitionkey=a --mode structured
              apus send --file event.json
              cat events.json | apus send --file - --mode batch
              apus send --type t --source /s --to http://127.0.0.1:9090/ --data-file picture.png --content-type image/png
            """)

    enum Mode: String, ExpressibleByArgument, CaseIterable { case binary, structured, batch }

    @Option(help: "The broker's name.")
    var broker = "default"

    @Option(name: [.customShort("n"), .long], help: "The broker's namespace.")
    var namespace = "default"

    @Option(help: ArgumentHelp("The data plane.", valueName: "URL"))
    var ingress = "http://127.0.0.1:8080"

    @Option(help: ArgumentHelp("Send here instead of to a broker.", valueName: "URL"))
    var to: String?

    @Option(help: "The attribute type, e.g. com.example.order.created.")
    var type: String?

    @Option(help: "The attribute source, e.g. /shop.")
    var source: String?

    @Option(help: "The attribute id; a new UUID where it is not given.")
    var id: String?

    @Option(help: "The attribute subject.")
    var subject: String?

    @Option(help: "The attribute time, RFC 3339.")
    var time: String?

    @Option(
        name: [.customLong("extension"), .customShort("e")],
        help: ArgumentHelp("Any other attribute; may be repeated.", valueName: "NAME=VALUE"))
    var extensions: [String] = []

    @Option(name: [.customShort("d"), .long], help: "The data, as text.")
    var data: String?

    @Option(help: ArgumentHelp("The data, from a file; - is standard input.", valueName: "FILE"))
    var dataFile: String?

    @Option(help: "The attribute datacontenttype; application/json where --data is JSON.")
    var contentType: String?

    @Option(
        name: [.customShort("f"), .long],
        help: ArgumentHelp("A whole event as JSON; - is standard input.", valueName: "FILE"))
    var file: String?

    @Option(help: "binary, structured or batch.")
    var mode: Mode = .binary

    func validate() throws {
        guard file == nil || (type == nil && source == nil && data == nil && dataFile == nil) else {
            throw ValidationError("--file gives the whole event: leave out --type, --source, --data and --data-file")
        }
        guard data == nil || dataFile == nil else {
            throw ValidationError("--data and --data-file are both given, and an event has one data: leave one out")
        }
        guard file == nil else { return }
        guard type != nil else {
            throw ValidationError("--type is needed, e.g. --type com.example.order.created (or --file FILE)")
        }
        guard source != nil else { throw ValidationError("--source is needed, e.g. --source /shop (or --file FILE)") }
        _ = try others()
    }

    func run() async throws {
        let events = try events()
        let (headers, body) = encoded(events)
        let url = to ?? "\(ingress.hasSuffix("/") ? String(ingress.dropLast()) : ingress)/\(namespace)/\(broker)"
        try await CommandHTTP.run { http in
            let answer = try await http.request("POST", url, headers: headers, body: body)
            Console.print(Self.lines(of: answer))
            guard (200...299).contains(answer.status) else { throw ExitCode(1) }
        }
    }

    private func encoded(_ events: [CloudEvent]) -> (headers: [(name: String, value: String)], body: [UInt8]) {
        switch mode {
        case .binary: HTTPBinding.encode(events[0], mode: .binary)
        case .structured: HTTPBinding.encode(events[0], mode: .structured)
        case .batch: HTTPBinding.encodeBatch(events)
        }
    }

    private func events() throws -> [CloudEvent] {
        guard let file else { return [try eventFromFlags()] }
        let events = try EventFile.events(file)
        guard mode == .batch || events.count == 1 else {
            throw CommandFailure(
                "\(InputFile.name(of: file)): holds \(events.count) events: send them with --mode batch")
        }
        return events
    }

    private func eventFromFlags() throws -> CloudEvent {
        guard let type, let source else { throw ValidationError("--type and --source are needed") }
        let bytes = try dataFile.map(InputFile.bytes) ?? data.map { Array($0.utf8) }
        let others = try self.others()
        do throws(CloudEventError) {
            return try CloudEvent(
                id: id ?? UUID().uuidString.lowercased(), source: source, type: type, time: time, subject: subject,
                dataContentType: contentType ?? Self.guess(of: bytes), extensions: others, data: bytes)
        } catch {
            throw CommandFailure("no valid event: \(error.message)")
        }
    }

    private func others() throws -> [Attribute] {
        try extensions.map { text in
            guard let equals = text.firstIndex(of: "=") else {
                throw ValidationError("--extension \(text): NAME=VALUE is needed, e.g. --extension partitionkey=a")
            }
            return Attribute(name: String(text[..<equals]), value: .string(String(text[text.index(after: equals)...])))
        }
    }

    /// JSON where the data is JSON; nothing is claimed of other data.
    private static func guess(of data: [UInt8]?) -> String? {
        guard let data, (try? JSONSerialization.jsonObject(with: Data(data), options: .fragmentsAllowed)) != nil else {
            return nil
        }
        return "application/json"
    }

    private static func lines(of answer: HTTPAnswer) -> [String] {
        var lines = ["HTTP \(answer.status)"]
        let names: [StaticString] = ["apus-position", "apus-matched", "retry-after"]
        for name in names {
            guard let value = answer.headers.text(of: name) else { continue }
            lines.append("\(name): \(value)")
        }
        if !answer.body.isEmpty { lines.append(String(decoding: answer.body, as: UTF8.self)) }
        return lines
    }
}

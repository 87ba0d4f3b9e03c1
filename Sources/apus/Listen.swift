import ApusServer
import ArgumentParser
import CloudEvents
import Logging

struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a subscriber that prints the events that arrive, and fails on demand.",
        discussion: """
            EXAMPLES
              apus listen 9090                            print every event that is POSTed to 127.0.0.1:9090, at any path
              apus listen 9090 --status 503 --times 3     answer 503 to the first three deliveries of each event
              apus listen 9090 --status 422               refuse every event
            """)

    @Argument(help: "The port to listen on; 0 lets the system choose.")
    var port: Int

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Answer with this HTTP status instead of 200.")
    var status: Int?

    @Option(help: "Give --status to the first TIMES deliveries of each event only, then 200.")
    var times: Int?

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("PORT must be 0 to 65535, was \(port)") }
        if let status, !(200...599).contains(status) {
            throw ValidationError("--status must be an HTTP status from 200 to 599, was \(status)")
        }
        if let times {
            guard status != nil else { throw ValidationError("--times needs --status: the answer that is given TIMES times") }
            guard times >= 1 else { throw ValidationError("--times must be at least 1, was \(times)") }
        }
    }

    func run() async throws {
        let listener = EventListener(failure: status.map { EventListener.Failure(status: $0, times: times) }) { arrival in
            Console.print(EventPrint.lines(of: arrival))
        }
        var logger = Logger(label: "apus.listen")
        logger.logLevel = .warning
        let host = host
        try await openingDoor("PORT", at: "\(host):\(port)") {
            try await listener.run(host: host, port: port, logger: logger) { port in
                Console.print(["listening on http://\(host):\(port)/ (Ctrl-C ends it)"])
            }
        }
    }
}

/// How an event looks in the terminal.
enum EventPrint {
    private static let dataBytesMax = 8192

    static func lines(of arrival: EventListener.Arrival) -> [String] {
        let attempt = arrival.attempt > 1 ? ", delivery \(arrival.attempt)" : ""
        var lines = ["POST \(arrival.path) → \(arrival.status)\(attempt)"]
        if let problem = arrival.problem { lines.append("  no CloudEvent: \(problem)") }
        for event in arrival.events { lines += self.lines(of: event) }
        return lines
    }

    static func lines(of event: CloudEvent) -> [String] {
        let width = event.attributes.map(\.name.count).max() ?? 0
        var lines = event.attributes.map { attribute in
            "  \(attribute.name)\(String(repeating: " ", count: width - attribute.name.count))  \(attribute.value.text)"
        }
        guard let data = event.data else { return lines }
        if let text = String(validating: data.prefix(dataBytesMax), as: UTF8.self) {
            lines += text.split(separator: "\n", omittingEmptySubsequences: false).map { "  | \($0)" }
        } else {
            lines.append("  | \(data.count) bytes that are no UTF-8 text")
        }
        if data.count > dataBytesMax { lines.append("  | … \(data.count) bytes in all") }
        return lines
    }
}

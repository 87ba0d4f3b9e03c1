import Foundation
import TestSupport

extension ApusProcess {
    /// Returns when the NatsSource `default/name` is ready.
    func untilReady(_ name: String) async throws {
        try await Patience.wait(for: "\(name) to be ready", every: .milliseconds(50)) {
            let source = try JSONSerialization.jsonObject(with: Data(try await natsSource(name).utf8)) as? [String: Any]
            let status = source?["status"] as? [String: Any]
            let conditions = status?["conditions"] as? [[String: Any]] ?? []
            return conditions.contains { $0["type"] as? String == "Ready" && $0["status"] as? String == "True" }
        }
    }

    /// Returns when the status of the NatsSource `default/name` has these words.
    func until(_ name: String, says text: String) async throws {
        var last = ""
        do {
            try await Patience.wait(for: "'\(text)' in the status of \(name)", every: .milliseconds(50)) {
                last = try await natsSource(name)
                return last.contains(text)
            }
        } catch let lost as Patience.Lost {
            throw Patience.Lost(description: "\(lost.description): \(last)")
        }
    }

    /// Returns when these NatsSources have brought so many events, together.
    func untilEmitted(_ count: Int, by names: [String]) async throws {
        try await Patience.wait(for: "\(count) events of \(names)", every: .milliseconds(50)) {
            var sum = 0.0
            for name in names {
                let labels = #"namespace="default",kind="NatsSource",source="\#(name)""#
                sum += try await metric("apus_source_events_total{\(labels)}") ?? 0
            }
            return sum >= Double(count)
        }
    }

    private func natsSource(_ name: String) async throws -> String {
        let path = "/apis/sources.apus.dev/v1alpha1/namespaces/default/natssources/\(name)"
        return try await HTTPExchange.send(port: adminPort, path: path).bodyText
    }
}

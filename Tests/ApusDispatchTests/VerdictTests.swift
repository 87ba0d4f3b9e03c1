import ApusDispatch
import ApusPorts
import CloudEvents
import Specs
import Testing

@Suite struct `A verdict` {
    struct Vector: Decodable, Sendable {
        var name: String
        var status: Int?
        var failed: String?
        var body: String?
        var reply: String?
        var retryAfter: Int?
        var verdict: String
        var after: Int?
        var code: Int?
        var data: String?

        var outcome: Outcome {
            if let failed { return .failed(failed) }
            let reply: Answer.Reply =
                switch self.reply {
                case "event": .event(.sample("reply"))
                case "invalid": .invalid("no id")
                default: .none
                }
            return .answered(
                Answer(
                    status: status ?? 0, body: Array((body ?? "").utf8), retryAfter: retryAfter.map { .seconds($0) }, reply: reply
                ))
        }
    }

    @Test(arguments: Specs.vectors("delivery/verdicts.yaml", as: Vector.self))
    func `follows the status as promised`(vector: Vector) {
        let expected: Verdict =
            switch vector.verdict {
            case "delivered": .delivered(reply: nil)
            case "reply": .delivered(reply: .sample("reply"))
            case "retry": .retry(after: vector.after.map { .seconds($0) })
            default: .dead(status: vector.status ?? 0)
            }
        #expect(Verdict(vector.outcome) == expected)
        if let code = vector.code {
            #expect(Failure(vector.outcome) == Failure(status: code, body: Array((vector.data ?? "").utf8)))
        }
    }

    @Test func `keeps 1024 bytes of what came back`() {
        let answer = Answer(status: 500, body: [UInt8](repeating: 7, count: 3000))
        #expect(Failure(.answered(answer)).body == [UInt8](repeating: 7, count: 1024))
    }
}

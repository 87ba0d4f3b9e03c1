import ApusHistory
import ApusPorts
import ApusResources
import EventFilters
import HTTPTypes
import Hummingbird

// What the routes that read a broker's log have in common.
extension BrokerRoutes {
    private static let bodyBytesMax = 1_048_576

    /// The record that the path's `position` names.
    static func record(
        _ history: BrokerHistory, _ context: BasicRequestContext, in stream: ApusPorts.Stream = .events
    ) async throws -> LogRecord {
        let position = try RequestQuery.position(try context.parameters.require("position").removingPercentEncoding, "position")
        let answer: RecordAnswer
        do throws(HistoryError) {
            answer = try await history.record(at: position, in: stream)
        } catch {
            throw Refusal(error)
        }
        switch answer {
        case .found(let record): return record
        case .trimmed(let oldest): throw Refusal(.trimmed(field: "position", oldest: oldest))
        case .ahead(let end): throw Refusal(.ahead(field: "position", end: end))
        case .damaged(let detail):
            throw Refusal(.internalServerError, "damaged", "The record at \(position) is damaged: \(detail).", field: "position")
        }
    }

    /// The body of a request, as JSON.
    static func document(of request: Request) async throws -> DocumentNode {
        var body: [UInt8] = []
        for try await part in request.body {
            body.append(contentsOf: part.readableBytesView)
            guard body.count <= bodyBytesMax else {
                throw Refusal(.contentTooLarge, "body-too-large", "The body is larger than \(bodyBytesMax) bytes.")
            }
        }
        do throws(FieldError) {
            return try JSONReader.document(body)
        } catch {
            throw Refusal(.badRequest, "invalid-body", "The body \(error.message).")
        }
    }
}

extension BrokerRoutes.Refusal {
    init(_ error: HistoryError) {
        let (status, code): (HTTPResponse.Status, String) =
            switch error {
            case .invalid: (.badRequest, "invalid-parameter")
            case .trimmed: (.gone, "trimmed")
            case .ahead: (.notFound, "not-there-yet")
            case .log(.corrupt): (.internalServerError, "damaged")
            case .log: (.serviceUnavailable, "log-unavailable")
            }
        self.init(status, code, error.sentence, field: error.field)
    }

    /// The first of them, with the line of an expression and the caret below it.
    init(_ errors: FieldErrors) {
        var first = errors.errors[0]
        first.line = nil
        let lines = [first.description] + first.excerpt.map { "    " + $0 }
        self.init(.badRequest, "invalid-filter", lines.joined(separator: "\n"), field: first.path)
    }
}

extension RequestQuery {
    /// All filters that the query names, which must all match.
    func filter() throws(BrokerRoutes.Refusal) -> CompiledFilter {
        var nodes: [DocumentNode] = []
        do throws(FieldError) {
            nodes = try FilterText.filters(all("filter"))
        } catch {
            throw BrokerRoutes.Refusal(.badRequest, "invalid-filter", "filter: \(error.message).", field: "filter")
        }
        do throws(FieldErrors) {
            return try FilterList.compiled(nodes, path: "filter")
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }

    /// Refuses parameters that mean nothing together with another.
    func refuse(_ refused: [String], beside other: String) throws(BrokerRoutes.Refusal) {
        guard let name = names.first(where: refused.contains) else { return }
        throw Self.invalid(name, "\(name) cannot be given with \(other).")
    }
}

extension String {
    /// With `%XX` as the bytes that they stand for; as it is where that is no text.
    var removingPercentEncoding: String {
        guard utf8.contains(UInt8(ascii: "%")) else { return self }
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(String(Substring(digits)), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self) ?? self
    }
}

import CloudEvents
import EventFilters
import Foundation
import Specs

/// A value as YAML or JSON writes it: an unquoted `true` is a Boolean, unquoted digits are an Integer, the rest is a String.
struct CESQLScalar: Decodable, Sendable {
    let value: CESQLValue

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let boolean = try? container.decode(Bool.self) {
            value = .boolean(boolean)
            return
        }
        // YAML lets any scalar be read as text, JSON does not; `007` and `1_0` are no integers here.
        let text = try? container.decode(String.self)
        if text.map({ Int32($0).map(String.init) == $0 }) ?? true, let integer = try? container.decode(Int32.self) {
            value = .integer(integer)
        } else {
            value = .string(try text ?? container.decode(String.self))
        }
    }
}

/// An attribute as the vectors write it: a plain value, or one of the other types by its name.
struct CESQLAttribute: Decodable, Sendable {
    let value: AttributeValue

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case uri, uriReference, timestamp, binary
    }

    init(from decoder: any Decoder) throws {
        if let scalar = try? CESQLScalar(from: decoder) {
            switch scalar.value {
            case .boolean(let boolean): value = .boolean(boolean)
            case .integer(let integer): value = .integer(integer)
            case .string(let text): value = .string(text)
            }
            return
        }
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard let key = container.allKeys.first, container.allKeys.count == 1 else {
            let names = CodingKeys.allCases.map(\.rawValue)
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "one of \(names) is needed"))
        }
        let text = try container.decode(String.self, forKey: key)
        switch key {
        case .uri: value = .uri(text)
        case .uriReference: value = .uriReference(text)
        case .timestamp: value = .timestamp(text)
        case .binary:
            guard let data = Data(base64Encoded: text) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "\(text) is no Base64")
            }
            value = .binary([UInt8](data))
        }
    }
}

/// An event of the four required attributes, and these.
func cesqlEvent(_ more: [String: CESQLAttribute]?) -> Attributes {
    var attributes = Attributes()
    attributes.append("specversion", .string("1.0"))
    attributes.append("id", .string("1"))
    attributes.append("source", .uriReference("/orders"))
    attributes.append("type", .string("order.created"))
    for (name, attribute) in (more ?? [:]).sorted(by: { $0.key < $1.key }) { attributes.set(name, to: attribute.value) }
    return attributes
}

struct CESQLVector: Decodable, Sendable {
    let name: String
    let expression: String
    let event: [String: CESQLAttribute]?
    let result: CESQLScalar
    /// The kinds, in order; none where nothing stands.
    let errors: [String]?
    /// A piece of each error's message, in order.
    let says: [String]?
}

struct CESQLFilterVector: Decodable, Sendable {
    let name: String
    let expression: String
    let event: [String: CESQLAttribute]?
    let passes: Bool
}

struct CESQLParseVector: Decodable, Sendable {
    let name: String
    let expression: String
    let line: Int
    let column: Int
    /// A piece of the message.
    let message: String
}

struct CESQLWarningVector: Decodable, Sendable {
    struct Warning: Decodable, Sendable {
        let line: Int
        let column: Int
        /// A piece of the message.
        let message: String
    }

    let name: String
    let expression: String
    let warnings: [Warning]?
}

extension CESQLResult {
    var kinds: [String] { errors.map(\.kind.rawValue) }
}

/// What a filter of this expression alone says.
func cesqlPasses(_ expression: String, _ attributes: Attributes) throws -> Bool {
    try CompiledFilter([.cesql(expression)]).matches(attributes)
}

import CloudEvents
import EventFilters

/// Events of ten attributes as a shop would send them. Those that count are spread over what the filters ask.
enum Events {
    static func make(count: Int, types: [String]) -> [Attributes] {
        (0..<count).map { number in
            var event = Attributes()
            event.append("specversion", .string("1.0"))
            event.append("id", .string("7d9f2c1e-\(1000 + number)-4b7a-9c55-0a1b2c3d4e5f"))
            event.append("source", .uriReference("https://shop.example.com/orders/region-\(number % 8)"))
            event.append("type", .string(types[number % types.count]))
            event.append("subject", .string("order-\(100_000 + number)"))
            event.append("time", .timestamp("2026-11-21T10:54:\(10 + number % 50).123456Z"))
            event.append("datacontenttype", .string("application/json"))
            event.append("dataschema", .uri("https://schemas.example.com/order/v\(number % 3).json"))
            event.append("tenant", .string("tenant-0"))
            event.append("priority", .integer(Int32(number % 10)))
            return event
        }
    }
}

struct Shape {
    var name: String
    var filter: CompiledFilter
    var mayAllocate = false

    static func singles() throws -> [Shape] {
        func item(_ name: String, _ value: String) -> AttributePredicate { AttributePredicate(name: name, value: value) }
        let five = ["a", "b", "c", "order.updated", "order.created"].map {
            FilterExpression.exact([item("type", "com.example.\($0)")])
        }
        let terms = """
            type = 'com.example.order.created' AND source LIKE 'https://shop.example.com/%' AND tenant IN ('t', 'tenant-0') \
            AND (priority > 3 OR subject = 'order-100000')
            """
        let function = "type = 'com.example.order.created' AND LENGTH(subject) > 3"
        return [
            Shape(name: "exact", filter: try CompiledFilter([.exact([item("type", "com.example.order.created")])])),
            Shape(name: "prefix", filter: try CompiledFilter([.prefix([item("type", "com.example.order.c")])])),
            Shape(name: "any of 5 exact", filter: try CompiledFilter([.any(five)])),
            Shape(name: "CESQL, 5 terms (=, LIKE, IN, >, OR)", filter: try CompiledFilter([.cesql(terms)])),
            Shape(name: "CESQL with LENGTH()", filter: try CompiledFilter([.cesql(function)]), mayAllocate: true),
        ]
    }

    /// Triggers of one shape; the first matches every event, the others none.
    enum Many: String, CaseIterable {
        case exact = "exact type"
        case prefix = "prefix of type"
        case `extension` = "exact on an extension"
        case cesql = "CESQL: type LIKE … AND tenant = …"
        case mixture = "a mixture of these"

        func index(of count: Int) throws -> FilterIndex {
            FilterIndex(try (0..<count).map { number in (id: number, filter: try CompiledFilter([expression(number)])) })
        }

        private func expression(_ number: Int) -> FilterExpression {
            func item(_ name: String, _ value: String) -> AttributePredicate { AttributePredicate(name: name, value: value) }
            let isOne = number == 0
            switch self {
            case .exact: return .exact([item("type", isOne ? "com.example.order.created" : "com.example.order.other\(number)")])
            case .prefix: return .prefix([item("type", isOne ? "com.example.order." : "com.example.order\(number).")])
            case .extension: return .exact([item("tenant", "tenant-\(number)")])
            case .cesql: return .cesql("type LIKE 'com.example.order.%' AND tenant = 'tenant-\(number)'")
            case .mixture:
                let kinds: [Many] = [.extension, .exact, .prefix, .cesql]
                return kinds[number % kinds.count].expression(number)
            }
        }
    }
}

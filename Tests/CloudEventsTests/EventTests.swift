import CloudEvents
import TestSupport
import Testing

@Suite struct `A made event` {
    @Test func `holds what it was made of`() throws {
        let event = try CloudEvent(
            id: "1", source: "/orders", type: "order.made", time: Timestamp(nanoseconds: 5).rfc3339, subject: "7",
            dataContentType: "application/json", dataSchema: "https://example.com/order",
            extensions: [Attribute(name: "partitionkey", value: .string("k")), Attribute(name: "n", value: .integer(3))],
            data: Array("{}".utf8))
        #expect(event.specVersion == "1.0")
        #expect(event.attributes.text(of: "time") == "1970-01-01T00:00:00.000000005Z")
        #expect(event.attributes.text(of: "n") == "3")
        #expect(event.attributes["dataschema"] == .uri("https://example.com/order"))
    }

    @Test(arguments: [
        ("id", ""), ("source", "a b"), ("type", ""), ("time", "now"), ("subject", ""), ("dataschema", "/x"),
        ("datacontenttype", "x"),
    ])
    func `is refused where an attribute breaks its rule`(name: String, value: String) {
        #expect(code(name, value) == .invalidAttribute)
    }

    @Test(arguments: [
        Attribute(name: "a", value: .uri("/relative")), Attribute(name: "a", value: .uriReference("a b")),
        Attribute(name: "a", value: .timestamp("2020-01-01")), Attribute(name: "a", value: .string("\n")),
        Attribute(name: "subject", value: .integer(3)), Attribute(name: "time", value: .string("2020-01-01T00:00:00Z")),
    ])
    func `is refused where a value breaks its type`(attribute: Attribute) {
        var event = CloudEvent(attributes: minimal)
        event.attributes.append(attribute.name, attribute.value)
        #expect(throws: CloudEventError.self) { try event.validate() }
    }

    @Test(arguments: ["", "Abc", "a-b", "data", "é", "a_b"])
    func `is refused where a name is none`(name: String) {
        var event = CloudEvent(attributes: minimal)
        event.attributes.append(name, .string("x"))
        #expect(throws: CloudEventError.self) { try event.validate() }
    }

    @Test func `is refused where a required attribute is missing or one stands twice`() {
        for name in ["specversion", "id", "source", "type"] {
            var event = CloudEvent(attributes: minimal)
            event.attributes.remove(name)
            #expect(throws: CloudEventError.self, "\(name)") { try event.validate() }
        }
        var event = CloudEvent(attributes: minimal)
        event.attributes.append("id", .string("1"))
        #expect(throws: CloudEventError.self) { try event.validate() }
    }

    @Test func `of 0_3 leaves JSON for binary mode without its text encoding`() throws {
        let json = #"{"specversion":"0.3","id":"1","type":"t","source":"/s","datacontentencoding":"base64","data":"e30="}"#
        let event = try JSONFormat.decode(Array(json.utf8))
        let message = HTTPBinding.encode(event, mode: .binary)
        #expect(message.body == Array("{}".utf8))
        #expect(message.headers.map(\.name) == ["ce-specversion", "ce-id", "ce-type", "ce-source"])
    }

    @Test func `that implies JSON says so in binary mode`() {
        let attributes = minimal.inBinaryMode(impliedJSON: true)
        #expect(attributes.text(of: "datacontenttype") == "application/json")
        #expect(minimal.inBinaryMode(impliedJSON: false) == minimal)
    }

    private var minimal: Attributes {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string("1"))
        attributes.append("source", .uriReference("/s"))
        attributes.append("type", .string("t"))
        return attributes
    }

    private func code(_ name: String, _ value: String) -> CloudEventError.Code? {
        func given(_ key: String) -> String? { key == name ? value : nil }
        do throws(CloudEventError) {
            _ = try CloudEvent(
                id: given("id") ?? "1", source: given("source") ?? "/s", type: given("type") ?? "t", time: given("time"),
                subject: given("subject"), dataContentType: given("datacontenttype"), dataSchema: given("dataschema"))
            return nil
        } catch {
            return error.field == name ? error.code : nil
        }
    }
}

@Suite struct `Attributes of an event` {
    @Test func `are compared as bytes`() {
        var left = Attributes()
        left.append("subject", .string("caf\u{E9}"))
        var right = Attributes()
        right.append("subject", .string("cafe\u{301}"))
        #expect(left != right)
        #expect(left["subje\u{301}ct"] == nil)
        left.set("subject", to: .string("x"))
        #expect(left.count == 1)
        #expect(left.remove("subject") == .string("x"))
        #expect(left.remove("subject") == nil)
        #expect(left.isEmpty)
    }
}

@Suite struct `A moment` {
    @Test func `moves by a duration and stops at the ends`() {
        let moment = Timestamp(nanoseconds: 1_000_000_000)
        #expect(moment + .milliseconds(1500) == Timestamp(nanoseconds: 2_500_000_000))
        #expect(moment + .seconds(-2) == Timestamp(nanoseconds: -1_000_000_000))
        #expect(Timestamp(nanoseconds: .max) + .nanoseconds(1) == Timestamp(nanoseconds: .max))
        #expect(moment + .seconds(Int64.max) == Timestamp(nanoseconds: .max))
        #expect(Timestamp(nanoseconds: .min) + .nanoseconds(-1) == Timestamp(nanoseconds: .min))
        #expect(moment + .seconds(Int64.min) == Timestamp(nanoseconds: .min))
    }

    @Test func `tells how long after another it is`() {
        let early = Timestamp(nanoseconds: .min)
        let late = Timestamp(nanoseconds: .max)
        #expect(late - early == .nanoseconds(Int64.max) - .nanoseconds(Int64.min))
        #expect(Timestamp(nanoseconds: 2_500_000_000).seconds(since: Timestamp(nanoseconds: 3_000_000_000)) == -0.5)
    }

    @Test func `is written and read back on every day that it reaches`() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<20_000 {
            let moment = Timestamp(nanoseconds: Int64(bitPattern: random.next()))
            #expect(Timestamp(rfc3339: moment.rfc3339) == moment)
        }
    }
}

import ApusClient
import ApusResources
import Foundation

/// One event of the log with all that is known of it, for a person.
enum EventText {
    private static let dataLinesMax = 1000

    static func lines(of event: EventView, hasColour: Bool = Terminal.hasColour) -> [String] {
        let document = event.document
        var facts = [("Position", event.position), ("Time", event.time), ("Mode", document["mode"]?.text ?? "")]
        if let hops = document["hops"]?.plainText, hops != "255" { facts.append(("Hops left", hops)) }
        if let cause = document["cause"] {
            facts.append(("Reply of", "trigger \(cause["trigger"]?.text ?? "") to \(cause["position"]?.text ?? "")"))
        }
        for header in document.items("headers") {
            facts.append(("Header", "\(header["name"]?.text ?? ""): \(header["value"]?.text ?? "")"))
        }
        return Self.facts(facts, width: 11, hasColour) + content(of: event, hasColour: hasColour)
    }

    /// Names and values, one a line, the values under one another.
    static func facts(_ facts: [(String, String)], width: Int, _ hasColour: Bool) -> [String] {
        facts.map { name, value in
            let padding = String(repeating: " ", count: max(1, width - name.count))
            return Colour.bold.paint("\(name):", if: hasColour) + padding + Printable.line(value)
        }
    }

    /// The event itself: its attributes and its data.
    static func content(of event: EventView, hasColour: Bool = Terminal.hasColour) -> [String] {
        func title(_ text: String) -> String { Colour.bold.paint(text, if: hasColour) }
        var lines = [title("Attributes:")]
        let names = event.attributeNames, width = names.map(\.count).max() ?? 0
        lines += names.map { name in
            let padding = String(repeating: " ", count: width - name.count + 2)
            return "  \(Colour.cyan.paint(Printable.line(name), if: hasColour))\(padding)\(Printable.line(event.attribute(name)))"
        }
        return lines + data(of: event, title)
    }

    private static func data(of event: EventView, _ title: (String) -> String) -> [String] {
        let type = event.attribute("datacontenttype"), named = type.isEmpty ? "" : " (\(Printable.line(type)))"
        if let node = event.event["data"] {
            // A string of another media type is that media type's text; of JSON, it is a JSON string.
            let isText = node.text != nil && !type.isEmpty && !type.lowercased().contains("json")
            return [title("Data\(named):")] + shown(isText ? node.text ?? "" : node.json(pretty: true))
        }
        guard let base64 = event.event["data_base64"]?.text else { return [title("Data:") + "       none"] }
        let bytes = Data(base64Encoded: base64) ?? Data()
        guard let text = String(validating: bytes, as: UTF8.self), text.unicodeScalars.allSatisfy({ $0 != "\0" }) else {
            return [
                title("Data\(named):"),
                "  \(bytes.count) bytes that are no text: apus events get \(event.position) --data > FILE",
            ]
        }
        return [title("Data\(named):")] + shown(text)
    }

    private static func shown(_ text: String) -> [String] {
        let lines = Printable.lines(text)
        let cut = lines.count > dataLinesMax ? ["  … \(lines.count) lines in all"] : []
        return lines.prefix(dataLinesMax).map { "  " + $0 } + cut
    }
}

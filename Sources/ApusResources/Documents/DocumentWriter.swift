extension DocumentNode {
    /// As JSON, members in their order.
    public func json(pretty: Bool = false) -> String {
        var text = ""
        write(to: &text, indent: pretty ? 0 : nil)
        return text
    }

    private func write(to text: inout String, indent: Int?) {
        switch content {
        case .null: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .number(let number): text += number
        case .string(let string): Self.write(string, to: &text)
        case .sequence(let items):
            Self.write("[", "]", count: items.count, indent: indent, to: &text) { index, inner, text in
                items[index].write(to: &text, indent: inner)
            }
        case .mapping(let members):
            Self.write("{", "}", count: members.count, indent: indent, to: &text) { index, inner, text in
                Self.write(members[index].name, to: &text)
                text += inner == nil ? ":" : ": "
                members[index].value.write(to: &text, indent: inner)
            }
        }
    }

    private static func write(
        _ open: String, _ close: String, count: Int, indent: Int?, to text: inout String,
        item: (Int, Int?, inout String) -> Void
    ) {
        text += open
        let inner = indent.map { $0 + 1 }
        for index in 0..<count {
            if index > 0 { text += "," }
            if let inner { text += "\n" + String(repeating: "    ", count: inner) }
            item(index, inner, &text)
        }
        if let indent, count > 0 { text += "\n" + String(repeating: "    ", count: indent) }
        text += close
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    /// As YAML in block style, members in their order: what `apus get -o yaml` prints.
    public func yaml() -> String {
        var text = ""
        writeYAML(to: &text, indent: 0, isInline: false)
        return text
    }

    private func writeYAML(to text: inout String, indent: Int, isInline: Bool) {
        let margin = String(repeating: "  ", count: indent)
        switch content {
        case .mapping(let members) where !members.isEmpty:
            for (index, member) in members.enumerated() {
                text += index == 0 && isInline ? "" : margin
                Self.writeYAML(member.name, to: &text)
                text += ":"
                member.value.writeYAMLValue(to: &text, indent: indent)
            }
        case .sequence(let items) where !items.isEmpty:
            for (index, item) in items.enumerated() {
                text += (index == 0 && isInline ? "" : margin) + "- "
                item.writeYAML(to: &text, indent: indent + 1, isInline: true)
            }
        case .string(let string):
            Self.writeYAML(string, to: &text)
            text += "\n"
        default: text += json() + "\n"
        }
    }

    private func writeYAMLValue(to text: inout String, indent: Int) {
        switch content {
        case .mapping(let members) where !members.isEmpty:
            text += "\n"
            writeYAML(to: &text, indent: indent + 1, isInline: false)
        case .sequence(let items) where !items.isEmpty:
            text += "\n"
            writeYAML(to: &text, indent: indent, isInline: false)
        default:
            text += " "
            writeYAML(to: &text, indent: indent, isInline: false)
        }
    }

    /// Plain where nobody could read it as anything but a string; else quoted as JSON, which YAML reads too.
    private static func writeYAML(_ string: String, to text: inout String) {
        let safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:".utf8
        let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        let isPlain =
            string.utf8.first.map { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") } ?? false
            && string.utf8.allSatisfy { safe.contains($0) } && string.utf8.last != UInt8(ascii: ":")
            && !words.contains(string.lowercased())
        if isPlain { text += string } else { write(string, to: &text) }
    }
}

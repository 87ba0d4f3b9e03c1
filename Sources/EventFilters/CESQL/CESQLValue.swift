/// The types of CESQL (specification, section 3.1).
public enum CESQLType: String, Sendable {
    case boolean = "Boolean"
    case integer = "Integer"
    case string = "String"

    /// What stands for a value of this type where there is none.
    public var zero: CESQLValue {
        switch self {
        case .boolean: .boolean(false)
        case .integer: .integer(0)
        case .string: .string("")
        }
    }
}

/// A value of CESQL. Strings are sequences of Unicode scalars and equal where their bytes are.
public enum CESQLValue: Sendable {
    case boolean(Bool)
    case integer(Int32)
    case string(String)

    public var type: CESQLType {
        switch self {
        case .boolean: .boolean
        case .integer: .integer
        case .string: .string
        }
    }

    /// The value as a String, which every value can be (section 3.7).
    public var text: String {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .string(let text): text
        }
    }

    /// The value cast to a type (section 3.7); nil where that is a cast error.
    public func cast(to type: CESQLType) -> CESQLValue? {
        switch type {
        case .boolean: boolean.map(CESQLValue.boolean)
        case .integer: integer.map(CESQLValue.integer)
        case .string: .string(text)
        }
    }

    /// The value cast to a Boolean; nil where that is a cast error.
    var boolean: Bool? {
        switch self {
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .string(let text): Self.boolean(from: text)
        }
    }

    /// The value cast to an Integer; nil where that is a cast error.
    var integer: Int32? {
        switch self {
        case .boolean(let value): value ? 1 : 0
        case .integer(let value): value
        case .string(let text): Self.integer(from: text)
        }
    }

    private static func boolean(from text: String) -> Bool? {
        if text.utf8.count == 4, text.utf8.elementsEqual("true".utf8, by: { $0 | 0x20 == $1 }) { return true }
        if text.utf8.count == 5, text.utf8.elementsEqual("false".utf8, by: { $0 | 0x20 == $1 }) { return false }
        return nil
    }

    /// An optional sign, then digits, and no more than 32 bits hold.
    private static func integer(from text: String) -> Int32? {
        let bytes = text.utf8
        guard let first = bytes.first else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        let digits = bytes.dropFirst(isNegative || first == UInt8(ascii: "+") ? 1 : 0)
        guard !digits.isEmpty else { return nil }
        var value: Int32 = 0
        for byte in digits {
            guard let digit = CESQLCharacter.digit(byte) else { return nil }
            let (tenfold, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, over) = isNegative ? tenfold.subtractingReportingOverflow(digit) : tenfold.addingReportingOverflow(digit)
            guard !tooLarge, !over else { return nil }
            value = sum
        }
        return value
    }
}

extension CESQLValue: Equatable {
    public static func == (left: CESQLValue, right: CESQLValue) -> Bool {
        switch (left, right) {
        case (.boolean(let a), .boolean(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.string(let a), .string(let b)): hasSameBytes(a, b)
        default: false
        }
    }
}

extension CESQLValue: CustomStringConvertible {
    /// As a literal would be written: `true`, `5`, `"text"`.
    public var description: String {
        if case .string(let text) = self { return "\"\(text)\"" }
        return text
    }

    /// For a message: a long text is cut.
    var excerpt: String {
        guard case .string(let text) = self, text.unicodeScalars.count > 64 else { return description }
        return "\"\(String(text.unicodeScalars.prefix(64)))…\""
    }
}

/// What came of an expression: always a value, and what went wrong on the way (section 3.3).
public struct CESQLResult: Sendable, Equatable {
    public var value: CESQLValue
    /// In the order in which they occurred; at most ``CESQLExpression/errorsMax``.
    public var errors: [CESQLError]

    public init(value: CESQLValue, errors: [CESQLError] = []) {
        self.value = value
        self.errors = errors
    }
}

/// An error of parsing or evaluation (section 3.3).
public struct CESQLError: Error, Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case parse
        case math
        case cast
        case missingAttribute
        case missingFunction
        case functionEvaluation
        case generic
    }

    public var kind: Kind
    /// One sentence.
    public var message: String

    public init(kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }
}

/// An expression that cannot be parsed: where, and what was expected there.
public struct CESQLParseError: Error, Sendable, Equatable {
    public var message: String
    /// In UTF-8 bytes from the start.
    public var offset: Int
    /// From 1.
    public var line: Int
    /// In Unicode scalars, from 1.
    public var column: Int

    init(_ message: String, at offset: Int, of text: [UInt8]) {
        self.message = message
        self.offset = offset
        (line, column) = CESQLPlace.find(offset, in: text)
    }
}

extension CESQLParseError: CustomStringConvertible {
    /// `line 1, column 8: expected a value, found AND`
    public var description: String { "line \(line), column \(column): \(message)" }

    /// The line of the expression that holds the error, and below it a caret under the place. Two lines.
    public func excerpt(of expression: String) -> [String] {
        CESQLPlace.excerpt(of: expression, line: line, column: column)
    }
}

/// Something that parses and is still likely to be a mistake.
public struct CESQLWarning: Sendable, Equatable {
    public var message: String
    /// From 1.
    public var line: Int
    /// In Unicode scalars, from 1.
    public var column: Int

    init(_ message: String, at offset: Int, of text: [UInt8]) {
        self.message = message
        (line, column) = CESQLPlace.find(offset, in: text)
    }

    /// The line of the expression that the warning is about, and below it a caret under the place. Two lines.
    public func excerpt(of expression: String) -> [String] {
        CESQLPlace.excerpt(of: expression, line: line, column: column)
    }
}

enum CESQLPlace {
    static func excerpt(of expression: String, line: Int, column: Int) -> [String] {
        let lines = expression.split(separator: "\n", omittingEmptySubsequences: false)
        let shown = line <= lines.count ? String(lines[line - 1]) : ""
        let indent = shown.unicodeScalars.prefix(column - 1).map { $0 == "\t" ? "\t" : " " }.joined()
        return [shown, indent + "^"]
    }

    /// Line and column of a byte, both from 1.
    static func find(_ offset: Int, in text: [UInt8]) -> (line: Int, column: Int) {
        let before = text[..<min(offset, text.count)]
        let start = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        // Every byte but a continuation byte begins a scalar.
        return (line, 1 + before[start...].count { $0 & 0xC0 != 0x80 })
    }
}

enum CESQLCharacter {
    static func digit(_ byte: UInt8) -> Int32? {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int32(byte - UInt8(ascii: "0")) : nil
    }

    /// In ASCII alone: full case mapping makes `SS` of `ß`, a name of one that is none.
    static func uppercased(_ name: String) -> String {
        String(decoding: name.utf8.map { $0 >= 0x61 && $0 <= 0x7A ? $0 & 0xDF : $0 }, as: UTF8.self)
    }

    static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") }
}

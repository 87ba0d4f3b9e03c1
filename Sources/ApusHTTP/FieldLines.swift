import CloudEvents

/// The one reader of field lines, for requests, answers and trailers (RFC 9112, section 5).
///
/// Strict: a name is a token with the colon right behind it, a value holds no control character, nothing is folded.
enum FieldLines {
    /// Reads the lines from `start` to the empty line, which is the end of `bytes`.
    static func scan(_ bytes: Span<UInt8>, from start: Int, fieldsMax: Int) throws(HTTPError) -> [HeaderBlock.Field] {
        var fields: [HeaderBlock.Field] = []
        fields.reserveCapacity(min(16, fieldsMax))
        var position = start
        while bytes[position] != HTTPBytes.carriageReturn {
            guard fields.count < fieldsMax else {
                throw HTTPError(.headTooLarge, "The head has more than \(fieldsMax) fields.")
            }
            fields.append(try scanLine(bytes, &position))
        }
        guard position + 2 == bytes.count, bytes[position + 1] == HTTPBytes.lineFeed else { throw bareCarriageReturn }
        return fields
    }

    /// Reads one line that ends in CR LF and moves behind it.
    private static func scanLine(_ bytes: Span<UInt8>, _ position: inout Int) throws(HTTPError) -> HeaderBlock.Field {
        let nameStart = position
        var index = position
        while index < bytes.count, HTTPBytes.isToken(bytes[index]) { index += 1 }
        guard index < bytes.count, bytes[index] == UInt8(ascii: ":"), index > nameStart else {
            throw badName(bytes, nameStart, index)
        }
        let nameEnd = index
        index += 1
        while index < bytes.count, HTTPBytes.isBlank(bytes[index]) { index += 1 }
        let valueStart = index
        while index < bytes.count, HTTPBytes.isFieldContent(bytes[index]) { index += 1 }
        guard index + 1 < bytes.count, bytes[index] == HTTPBytes.carriageReturn else {
            throw .malformed("A field's value holds a control character.")
        }
        guard bytes[index + 1] == HTTPBytes.lineFeed else { throw bareCarriageReturn }
        var valueEnd = index
        while valueEnd > valueStart, HTTPBytes.isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }
        position = index + 2
        return HeaderBlock.Field(name: nameStart..<nameEnd, value: valueStart..<valueEnd)
    }

    private static let bareCarriageReturn = HTTPError.malformed("The head holds a CR that no LF follows.")

    private static func badName(_ bytes: Span<UInt8>, _ start: Int, _ index: Int) -> HTTPError {
        guard index < bytes.count else { return .malformed("A field line has no colon.") }
        switch bytes[index] {
        case HTTPBytes.space, HTTPBytes.tab:
            return index == start
                ? .malformed("A field line begins with white space; folded lines are not taken.")
                : .malformed("White space stands between a field's name and its colon.")
        case UInt8(ascii: ":"): return .malformed("A field line has no name before its colon.")
        case HTTPBytes.carriageReturn: return .malformed("A field line has no colon.")
        default: return .malformed("A field's name holds a byte that a name may not hold.")
        }
    }
}

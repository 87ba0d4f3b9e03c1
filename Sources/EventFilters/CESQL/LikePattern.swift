/// A pattern of `LIKE` (specification, section 3.4.3), taken apart once.
///
/// The pieces between the `%` are found one after another, each as far to the left as it goes, so nothing is tried twice. A
/// piece is searched with one bit for each of its first 64 characters (Shift-And): each character of the text is looked at
/// once.
///
///     'order.%.v_'  ─►  "order." at the start, "v_" at the end
struct LikePattern: Sendable {
    /// A character of a piece: a scalar, or `_`.
    private typealias Symbol = UInt32
    private static let anyCharacter: Symbol = .max

    private struct Piece: Sendable {
        let symbols: [Symbol]
        /// The bits of the places at which a scalar may stand; a scalar that is not listed may stand at those of `_` only.
        let masks: [(scalar: Symbol, bits: UInt64)]
        let anyBits: UInt64

        /// Halves the masks, which are sorted: a piece may have 64 of them.
        @inline(__always)
        func bits(of scalar: Symbol) -> UInt64 {
            var (low, high) = (0, masks.count)
            while low < high {
                let middle = (low + high) / 2
                if masks[middle].scalar < scalar { low = middle + 1 } else { high = middle }
            }
            return low < masks.count && masks[low].scalar == scalar ? masks[low].bits : anyBits
        }
    }

    /// What a text of this pattern must begin with: all that stands before the first `%` or `_`.
    let prefix: String
    /// What it must end with: all that stands after the last.
    let suffix: String
    /// Whether only ``prefix`` itself matches.
    let isExact: Bool

    /// Between two `%` each, in order; the first also stands at the start of the text, the last at its end. One: no `%` at all.
    private let pieces: [Piece]

    init(_ pattern: String) {
        var pieces: [[Symbol]] = [[]]
        var scalars = Array(pattern.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "%": pieces.append([])
            case "_": pieces[pieces.count - 1].append(Self.anyCharacter)
            case "\\" where scalars.first == "%" || scalars.first == "_":
                pieces[pieces.count - 1].append(scalars.removeFirst().value)
            default: pieces[pieces.count - 1].append(scalar.value)
            }
        }
        func text(_ symbols: some Sequence<Symbol>) -> String {
            var scalars = String.UnicodeScalarView()
            scalars.append(contentsOf: symbols.compactMap(UnicodeScalar.init))
            return String(scalars)
        }
        let (first, last) = (pieces[0], pieces[pieces.count - 1])
        prefix = text(first.prefix { $0 != Self.anyCharacter })
        suffix = text(last.reversed().prefix { $0 != Self.anyCharacter }.reversed())
        isExact = pieces.count == 1 && !first.contains(Self.anyCharacter)
        // An empty piece between two `%` asks for nothing.
        let inner = pieces.dropFirst().dropLast().filter { !$0.isEmpty }
        let outer = pieces.count > 1 ? [last] : []
        self.pieces = ([first] + inner + outer).map(Self.piece)
    }

    private static func piece(_ symbols: [Symbol]) -> Piece {
        var masks: [Symbol: UInt64] = [:]
        var anyBits: UInt64 = 0
        for (place, symbol) in symbols.prefix(64).enumerated() {
            if symbol == anyCharacter { anyBits |= 1 << UInt64(place) } else { masks[symbol, default: 0] |= 1 << UInt64(place) }
        }
        let sorted = masks.sorted { $0.key < $1.key }.map { (scalar: $0.key, bits: $0.value | anyBits) }
        return Piece(symbols: symbols, masks: sorted, anyBits: anyBits)
    }

    /// Whether a text matches. `work` is what it costs: steps, about one a byte of the text.
    func matches(_ text: String, work: inout Int) -> Bool {
        withUTF8(of: text) { bytes in
            work -= 1 + bytes.count
            guard let start = Self.end(of: pieces[0].symbols[...], in: bytes, at: 0) else { return false }
            guard pieces.count > 1 else { return start == bytes.count }
            let last = pieces[pieces.count - 1]
            guard let tail = Self.start(ofTail: last, in: bytes), tail >= start,
                Self.end(of: last.symbols[...], in: bytes, at: tail) == bytes.count
            else { return false }
            var position = start
            let inside = UnsafeBufferPointer(rebasing: bytes[..<tail])
            for piece in pieces[1..<(pieces.count - 1)] {
                guard let end = Self.search(piece, in: inside, from: position, work: &work) else { return false }
                position = end
            }
            return true
        }
    }

    /// Where the last piece would have to begin to end with the text; nil where the text is too short.
    private static func start(ofTail piece: Piece, in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        var position = bytes.count
        for _ in piece.symbols {
            guard position > 0 else { return nil }
            position -= 1
            while position > 0, bytes[position] & 0xC0 == 0x80 { position -= 1 }
        }
        return position
    }

    /// Where the leftmost occurrence of a piece from a place on ends.
    private static func search(
        _ piece: Piece, in bytes: UnsafeBufferPointer<UInt8>, from start: Int, work: inout Int
    ) -> Int? {
        let head = min(piece.symbols.count, 64)
        let found: UInt64 = 1 << UInt64(head - 1)
        var state: UInt64 = 0
        var position = start
        while position < bytes.count {
            let (scalar, length) = decode(bytes, at: position)
            state = ((state << 1) | 1) & piece.bits(of: scalar)
            position += length
            guard state & found != 0 else { continue }
            guard piece.symbols.count > 64 else { return position }
            // The rest of a piece of more than 64 characters is compared in place, and paid for.
            let rest = piece.symbols[64...]
            work -= rest.count
            guard work >= 0 else { return nil }
            if let end = end(of: rest, in: bytes, at: position) { return end }
        }
        return nil
    }

    /// Where these characters end if they stand at a place; nil where they do not.
    private static func end(of symbols: ArraySlice<Symbol>, in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Int? {
        var position = start
        for symbol in symbols {
            guard position < bytes.count else { return nil }
            let (scalar, length) = decode(bytes, at: position)
            guard symbol == anyCharacter || symbol == scalar else { return nil }
            position += length
        }
        return position
    }

    /// The scalar at a place of a text, which Swift keeps as valid UTF-8.
    @inline(__always)
    private static func decode(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: Symbol, length: Int) {
        func continuation(_ index: Int) -> Symbol { Symbol(bytes[position + index] & 0x3F) }
        let first = Symbol(bytes[position])
        if first < 0x80 { return (first, 1) }
        if first < 0xE0 { return ((first & 0x1F) << 6 | continuation(1), 2) }
        if first < 0xF0 { return ((first & 0x0F) << 12 | continuation(1) << 6 | continuation(2), 3) }
        return ((first & 0x07) << 18 | continuation(1) << 12 | continuation(2) << 6 | continuation(3), 4)
    }
}

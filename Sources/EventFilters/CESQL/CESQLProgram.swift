internal import CloudEvents

/// A parsed expression: nodes that point at each other by index, so that asking it chases no pointers and counts no references.
///
///     type = 'a' AND LENGTH(id) > 3      0 attribute type   1 constant 'a'   2 chain 0 (= 1)
///                                        3 attribute id     4 call LENGTH 3  5 constant 3   6 chain 4 (> 5)
///                                        7 chain 2 (AND 6)
final class CESQLProgram: Sendable {
    enum Operator: String, Sendable {
        case and = "AND"
        case or = "OR"
        case xor = "XOR"
        case equal = "="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case remainder = "%"
    }

    /// Indices lead into the program's tables.
    enum Node: Sendable {
        case constant(Int32)
        case attribute(name: Int32)
        case exists(name: Int32)
        case not(Int32)
        case negate(Int32)
        case cast(Int32, to: CESQLType)
        case like(Int32, pattern: Int32, isNegated: Bool)
        case membership(Int32, members: Slice, isNegated: Bool)
        /// A value and what is done to it, from left to right: as long as it likes without growing the stack.
        case chain(Int32, steps: Slice)
        case call(function: Int32, arguments: Slice)
        case missingFunction(reason: Int32)
    }

    /// A stretch of a table.
    struct Slice: Sendable {
        let start: Int32
        let end: Int32
        var range: Range<Int> { Int(start)..<Int(end) }
    }

    struct Step: Sendable {
        let op: Operator
        let operand: Int32
    }

    let nodes: [Node]
    /// Where each node stands in the expression, in bytes.
    let places: [Range<Int>]
    let constants: [CESQLValue]
    let names: [AttributeName]
    let patterns: [LikePattern]
    let steps: [Step]
    /// Members of sets and arguments of calls: indices of nodes.
    let operands: [Int32]
    let functions: [CESQLFunction]
    let missingFunctions: [String]
    let root: Int32

    init(_ builder: CESQLProgramBuilder, root: Int32) {
        nodes = builder.nodes
        places = builder.places
        constants = builder.constants
        names = builder.names
        patterns = builder.patterns
        steps = builder.steps
        operands = builder.operands
        functions = builder.functions
        missingFunctions = builder.missingFunctions
        self.root = root
    }

    /// The type that a node's value has whatever the event; nil for an attribute, whose value decides.
    func type(of node: Int32) -> CESQLType? {
        switch nodes[Int(node)] {
        case .constant(let index): constants[Int(index)].type
        case .attribute: nil
        case .exists, .not, .like, .membership, .missingFunction: .boolean
        case .negate: .integer
        case .cast(_, let type): type
        case .call(let function, _): functions[Int(function)].returns
        case .chain(_, let chain): steps[Int(chain.start)].op.returns
        }
    }
}

extension CESQLProgram.Operator {
    var returns: CESQLType {
        switch self {
        case .add, .subtract, .multiply, .divide, .remainder: .integer
        default: .boolean
        }
    }
}

/// The tables of a program while it is parsed.
struct CESQLProgramBuilder {
    private(set) var nodes: [CESQLProgram.Node] = []
    private(set) var places: [Range<Int>] = []
    private(set) var constants: [CESQLValue] = []
    private(set) var names: [AttributeName] = []
    private(set) var patterns: [LikePattern] = []
    private(set) var steps: [CESQLProgram.Step] = []
    private(set) var operands: [Int32] = []
    private(set) var functions: [CESQLFunction] = []
    private(set) var missingFunctions: [String] = []

    mutating func add(_ node: CESQLProgram.Node, at place: Range<Int>) -> Int32 {
        nodes.append(node)
        places.append(place)
        return Int32(nodes.count - 1)
    }

    mutating func constant(_ value: CESQLValue, at place: Range<Int>) -> Int32 {
        constants.append(value)
        return add(.constant(Int32(constants.count - 1)), at: place)
    }

    mutating func name(_ text: String) -> Int32 {
        names.append(AttributeName(text))
        return Int32(names.count - 1)
    }

    mutating func pattern(_ text: String) -> Int32 {
        patterns.append(LikePattern(text))
        return Int32(patterns.count - 1)
    }

    mutating func slice(steps list: [CESQLProgram.Step]) -> CESQLProgram.Slice {
        steps += list
        return CESQLProgram.Slice(start: Int32(steps.count - list.count), end: Int32(steps.count))
    }

    mutating func slice(operands list: [Int32]) -> CESQLProgram.Slice {
        operands += list
        return CESQLProgram.Slice(start: Int32(operands.count - list.count), end: Int32(operands.count))
    }

    mutating func function(_ function: CESQLFunction) -> Int32 {
        functions.append(function)
        return Int32(functions.count - 1)
    }

    mutating func missingFunction(_ name: String) -> Int32 {
        missingFunctions.append(name)
        return Int32(missingFunctions.count - 1)
    }
}

internal import CloudEvents

/// One evaluation of a program against an event's attributes.
///
/// The rule of errors (decision 0005): what meets an error in an operand is worth the zero value of its own type, and passes the
/// error on. A complete evaluation goes on to find every error; a filter's stops at the first.
struct CESQLEvaluation {
    /// A value, and whether an error is in it.
    private struct Outcome {
        var value: CESQLValue
        var failed = false
    }

    private let program: CESQLProgram
    private let attributes: Attributes
    private let isComplete: Bool
    /// What the evaluation may still cost: steps, and bytes looked at.
    private var work = CESQLExpression.workMax
    private var isExhausted = false
    private(set) var errors: [CESQLError] = []
    private(set) var firstError: CESQLError.Kind?

    init(_ program: CESQLProgram, attributes: Attributes, isComplete: Bool) {
        self.program = program
        self.attributes = attributes
        self.isComplete = isComplete
    }

    /// The value of a node, of the root for the whole expression.
    mutating func run(from node: Int32) -> CESQLValue { outcome(of: node).value }

    private mutating func outcome(of node: Int32) -> Outcome {
        guard isAffordable(1) else { return Outcome(value: (program.type(of: node) ?? .boolean).zero, failed: true) }
        switch program.nodes[Int(node)] {
        case .constant(let index): return Outcome(value: program.constants[Int(index)])
        case .attribute(let name): return attribute(program.names[Int(name)])
        case .exists(let name): return Outcome(value: .boolean(attributes.firstIndex(of: program.names[Int(name)]) != nil))
        case .not(let operand):
            guard let value = boolean(outcome(of: operand)) else { return failed(.boolean) }
            return Outcome(value: .boolean(!value))
        case .negate(let operand): return negated(outcome(of: operand))
        case .cast(let operand, let type):
            guard let value = cast(outcome(of: operand), to: type) else { return failed(type) }
            return Outcome(value: value)
        case .like(let operand, let pattern, let isNegated):
            return like(outcome(of: operand), program.patterns[Int(pattern)], isNegated)
        case .membership(let operand, let members, let isNegated):
            return membership(outcome(of: operand), members, isNegated)
        case .chain(let first, let steps): return chain(first, steps)
        case .call(let function, let arguments): return call(program.functions[Int(function)], arguments)
        case .missingFunction(let reason):
            let message = program.missingFunctions[Int(reason)]
            record(.missingFunction) { message }
            return failed(.boolean)
        }
    }

    private func attribute(of index: Int) -> CESQLValue {
        switch attributes.value(at: index) {
        case .boolean(let value): .boolean(value)
        case .integer(let value): .integer(value)
        case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text): .string(text)
        case .binary(let bytes): .string(AttributeValue.binary(bytes).text)
        }
    }

    private mutating func attribute(_ name: AttributeName) -> Outcome {
        guard let index = attributes.firstIndex(of: name) else {
            record(.missingAttribute) { "the event has no attribute \(name)" }
            return failed(.boolean)
        }
        // Only a binary attribute's text has to be made first.
        if case .binary(let bytes) = attributes.value(at: index), !isAffordable(bytes.count) { return failed(.string) }
        return Outcome(value: attribute(of: index))
    }
}

// MARK: - Operators

extension CESQLEvaluation {
    /// From left to right.
    private mutating func chain(_ first: Int32, _ steps: CESQLProgram.Slice) -> Outcome {
        var left = outcome(of: first)
        for step in steps.range {
            if left.failed && !isComplete { break }
            left = apply(program.steps[step], to: left)
        }
        return left
    }

    private mutating func apply(_ step: CESQLProgram.Step, to left: Outcome) -> Outcome {
        switch step.op {
        case .and, .or: return logic(step, left)
        case .xor:
            let left = boolean(left)
            let right = boolean(outcome(of: step.operand))
            guard let left, let right else { return failed(.boolean) }
            return Outcome(value: .boolean(left != right))
        case .equal, .notEqual: return equality(left, outcome(of: step.operand), isNegated: step.op == .notEqual)
        default:
            let right = outcome(of: step.operand)
            let (x, y) = (integer(left), integer(right))
            guard let x, let y else { return failed(step.op.returns) }
            return arithmetic(step.op, x, y)
        }
    }

    /// A left operand with an error is false: AND ends there, and OR looks at its right.
    private mutating func logic(_ step: CESQLProgram.Step, _ left: Outcome) -> Outcome {
        let value = boolean(left)
        switch (step.op, value) {
        case (.and, .some(false)): return Outcome(value: .boolean(false))
        case (.and, nil): return failed(.boolean)
        case (.or, .some(true)): return Outcome(value: .boolean(true))
        default: break
        }
        if value == nil && !isComplete { return failed(.boolean) }
        let right = boolean(outcome(of: step.operand))
        guard value != nil, let right else { return failed(.boolean) }
        return Outcome(value: .boolean(right))
    }

    /// The type of the right operand is the one to compare in (section 3.7, ambiguous operators).
    private mutating func equality(_ left: Outcome, _ right: Outcome, isNegated: Bool) -> Outcome {
        guard !left.failed, !right.failed, let value = cast(left, to: right.value.type) else { return failed(.boolean) }
        return Outcome(value: .boolean((value == right.value) != isNegated))
    }

    private mutating func arithmetic(_ op: CESQLProgram.Operator, _ x: Int32, _ y: Int32) -> Outcome {
        let result: (partialValue: Int32, overflow: Bool)
        switch op {
        case .less: return Outcome(value: .boolean(x < y))
        case .lessOrEqual: return Outcome(value: .boolean(x <= y))
        case .greater: return Outcome(value: .boolean(x > y))
        case .greaterOrEqual: return Outcome(value: .boolean(x >= y))
        case .divide where y == 0, .remainder where y == 0:
            record(.math) { "\(x) \(op.rawValue) 0 divides by zero" }
            return failed(.integer)
        case .add: result = x.addingReportingOverflow(y)
        case .subtract: result = x.subtractingReportingOverflow(y)
        case .multiply: result = x.multipliedReportingOverflow(by: y)
        case .divide: result = x.dividedReportingOverflow(by: y)
        // The remainder of a division by -1 is 0 even where the quotient overflows.
        default: result = (y == -1 ? 0 : x % y, false)
        }
        if result.overflow { record(.math) { "\(x) \(op.rawValue) \(y) does not fit into 32 bits" } }
        return Outcome(value: .integer(result.partialValue), failed: result.overflow)
    }

    private mutating func negated(_ operand: Outcome) -> Outcome {
        guard let value = integer(operand) else { return failed(.integer) }
        let (result, overflow) = Int32(0).subtractingReportingOverflow(value)
        if overflow { record(.math) { "-(\(value)) does not fit into 32 bits" } }
        return Outcome(value: .integer(result), failed: overflow)
    }

    private mutating func like(_ operand: Outcome, _ pattern: LikePattern, _ isNegated: Bool) -> Outcome {
        guard !operand.failed else { return failed(.boolean) }
        let matches = pattern.matches(operand.value.text, work: &work)
        guard isAffordable(0) else { return failed(.boolean) }
        return Outcome(value: .boolean(matches != isNegated))
    }

    /// Members are cast to the type of the operand (section 3.4.5); the first that is equal ends the search.
    private mutating func membership(_ operand: Outcome, _ members: CESQLProgram.Slice, _ isNegated: Bool) -> Outcome {
        var anyFailed = operand.failed
        var isFound = false
        for index in members.range where !isFound {
            if anyFailed && !isComplete { break }
            let member = outcome(of: program.operands[index])
            guard !operand.failed, let value = cast(member, to: operand.value.type) else {
                anyFailed = true
                continue
            }
            isFound = value == operand.value
        }
        return anyFailed ? failed(.boolean) : Outcome(value: .boolean(isFound != isNegated))
    }

    private mutating func call(_ function: CESQLFunction, _ slice: CESQLProgram.Slice) -> Outcome {
        var arguments: [CESQLValue] = []
        var anyFailed = false
        for (place, index) in slice.range.enumerated() {
            if anyFailed && !isComplete { break }
            let argument = outcome(of: program.operands[index])
            guard let value = cast(argument, to: function.type(ofArgument: place)) else {
                anyFailed = true
                continue
            }
            arguments.append(value)
        }
        guard !anyFailed, isAffordable(function.cost(arguments)) else { return failed(function.returns) }
        do {
            let value = try function.body(arguments)
            if value.type == function.returns { return Outcome(value: value) }
            record(.functionEvaluation) { "\(function.name) returned \(value.excerpt), which is no \(function.returns.rawValue)" }
        } catch {
            record(error.kind) { error.message }
            if let value = error.value, value.type == function.returns { return Outcome(value: value, failed: true) }
        }
        return failed(function.returns)
    }
}

// MARK: - Casts, errors, work

extension CESQLEvaluation {
    private func failed(_ type: CESQLType) -> Outcome { Outcome(value: type.zero, failed: true) }

    /// nil where the operand has an error, and where it cannot be cast, which is recorded. What looks at a text pays for it here.
    private mutating func cast(_ operand: Outcome, to type: CESQLType) -> CESQLValue? {
        if operand.failed { return nil }
        if case .string(let text) = operand.value, !isAffordable(text.utf8.count) { return nil }
        if let value = operand.value.cast(to: type) { return value }
        record(.cast) { "\(operand.value.excerpt) cannot be cast to \(type.rawValue)" }
        return nil
    }

    private mutating func boolean(_ operand: Outcome) -> Bool? {
        if !operand.failed, case .boolean(let value) = operand.value { return value }
        return cast(operand, to: .boolean)?.boolean
    }

    private mutating func integer(_ operand: Outcome) -> Int32? {
        if !operand.failed, case .integer(let value) = operand.value { return value }
        return cast(operand, to: .integer)?.integer
    }

    private mutating func record(_ kind: CESQLError.Kind, _ message: () -> String) {
        firstError = firstError ?? kind
        guard isComplete, errors.count < CESQLExpression.errorsMax else { return }
        errors.append(CESQLError(kind: kind, message: message()))
    }

    /// Takes from what the evaluation may cost. Once that is used up, everything is an error.
    private mutating func isAffordable(_ cost: Int) -> Bool {
        work -= cost
        if work >= 0 { return true }
        if !isExhausted {
            isExhausted = true
            record(.generic) { "the evaluation took more than \(CESQLExpression.workMax) steps" }
        }
        return false
    }
}

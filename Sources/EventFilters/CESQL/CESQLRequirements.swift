internal import CloudEvents

/// What an event must have for an expression to be true without an error.
extension CESQLProgram {
    func requirements() -> [Requirement] { requirements(of: root) }

    private func requirements(of node: Int32) -> [Requirement] {
        var ofValue: Requirement?
        switch nodes[Int(node)] {
        case .chain(let first, let slice):
            if [.and, .or, .xor].contains(steps[Int(slice.start)].op) { return logic(first, slice) }
            ofValue = equality(first, slice)
        case .like(let operand, let pattern, isNegated: false): ofValue = likeness(operand, patterns[Int(pattern)])
        case .membership(let operand, let members, isNegated: false): ofValue = membership(operand, members)
        case .exists(let name): ofValue = Requirement([AttributeTest(names[Int(name)], .present)])
        default: break
        }
        return [ofValue].compactMap { $0 } + evaluatedNames(node).compactMap { Requirement([AttributeTest($0, .present)]) }
    }

    private func logic(_ first: Int32, _ slice: Slice) -> [Requirement] {
        steps[slice.range].reduce(requirements(of: first)) { left, step in
            switch step.op {
            case .and: left + requirements(of: step.operand)
            case .or: Requirement.either([left, requirements(of: step.operand)])
            default: []
            }
        }
    }

    /// `attribute = constant`, either way round. An Integer to the right casts the attribute, whose text may then be any of many.
    private func equality(_ first: Int32, _ slice: Slice) -> Requirement? {
        let step = steps[Int(slice.start)]
        guard slice.range.count == 1, step.op == .equal else { return nil }
        switch (nodes[Int(first)], nodes[Int(step.operand)]) {
        case (.attribute(let name), .constant(let value)):
            guard case .string(let text) = constants[Int(value)] else { return nil }
            return Requirement([AttributeTest(names[Int(name)], .equal, text)])
        case (.constant(let value), .attribute(let name)):
            return Requirement(tests(names[Int(name)], equalAfterCasting: constants[Int(value)]))
        default: return nil
        }
    }

    private func membership(_ operand: Int32, _ members: Slice) -> Requirement? {
        guard case .attribute(let name) = nodes[Int(operand)] else { return nil }
        var tests: [AttributeTest] = []
        for member in operands[members.range] {
            guard case .constant(let value) = nodes[Int(member)] else { return nil }
            tests += self.tests(names[Int(name)], equalAfterCasting: constants[Int(value)])
        }
        return Requirement(tests)
    }

    /// The texts of the attributes, of whichever type, that equal a constant once it is cast to their type.
    private func tests(_ name: AttributeName, equalAfterCasting constant: CESQLValue) -> [AttributeTest] {
        let asInteger = constant.integer.map { String($0) }
        let asBoolean = constant.boolean.map { $0 ? "true" : "false" }
        let texts = Set([constant.text, asInteger, asBoolean].compactMap { $0 }.map { Array($0.utf8) })
        return texts.map { AttributeTest(name, .equal, String(decoding: $0, as: UTF8.self)) }
    }

    private func likeness(_ operand: Int32, _ pattern: LikePattern) -> Requirement? {
        guard case .attribute(let name) = nodes[Int(operand)] else { return nil }
        if pattern.isExact { return Requirement([AttributeTest(names[Int(name)], .equal, pattern.prefix)]) }
        if !pattern.prefix.isEmpty { return Requirement([AttributeTest(names[Int(name)], .prefix, pattern.prefix)]) }
        if !pattern.suffix.isEmpty { return Requirement([AttributeTest(names[Int(name)], .suffix, pattern.suffix)]) }
        return nil
    }

    /// The attributes that are looked at in every evaluation of a node: each of them must be there.
    private func evaluatedNames(_ node: Int32) -> [AttributeName] {
        switch nodes[Int(node)] {
        case .attribute(let name): [names[Int(name)]]
        case .constant, .exists, .missingFunction: []
        case .not(let operand), .negate(let operand), .cast(let operand, _), .like(let operand, _, _),
            .membership(let operand, _, _):
            evaluatedNames(operand)
        case .chain(let first, let slice):
            evaluatedNames(first) + steps[slice.range].flatMap { [.and, .or].contains($0.op) ? [] : evaluatedNames($0.operand) }
        case .call(_, let arguments): operands[arguments.range].flatMap(evaluatedNames)
        }
    }
}

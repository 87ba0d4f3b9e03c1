internal import CloudEvents

/// The first part of an expression, in reading order, that kept an event out.
struct CESQLObstacle {
    /// The part as it was written.
    let text: String
    let result: CESQLResult
    /// The attributes that it names, in reading order, and their values; nil where the event does not have one.
    let seen: [(name: String, value: String?)]
}

extension CESQLExpression {
    /// The names of the attributes that the expression reads, each once, in reading order.
    public var attributes: [String] { program.attributes(below: program.root) }

    /// The first operand of the outermost ANDs that did not come out true, or else the whole; nil where an event passes.
    func obstacle(_ attributes: Attributes) -> CESQLObstacle? {
        func result(of node: Int32) -> CESQLResult {
            var evaluation = CESQLEvaluation(program, attributes: attributes, isComplete: true)
            let value = evaluation.run(from: node)
            return CESQLResult(value: value, errors: evaluation.errors)
        }
        var node = program.root
        guard result(of: node) != CESQLResult(value: .boolean(true)) else { return nil }
        while let operands = program.conjunction(node) {
            // One evaluation for all of them, so that all of them together cost no more than one may.
            var evaluation = CESQLEvaluation(program, attributes: attributes, isComplete: true)
            let next = operands.first { evaluation.run(from: $0).boolean != true || !evaluation.errors.isEmpty }
            guard let next, result(of: next) != CESQLResult(value: .boolean(true)) else { break }
            node = next
        }
        let bytes = Array(text.utf8)[program.places[Int(node)]]
        let seen = program.attributes(below: node).map { name in (name: name, value: attributes.text(of: name)) }
        return CESQLObstacle(text: String(decoding: bytes, as: UTF8.self), result: result(of: node), seen: seen)
    }
}

extension CESQLProgram {
    /// What all must be true for a node to be true; nil where the node is no chain of ANDs alone.
    func conjunction(_ node: Int32) -> [Int32]? {
        guard case .chain(let first, let slice) = nodes[Int(node)] else { return nil }
        let steps = steps[slice.range]
        return steps.allSatisfy { $0.op == .and } ? [first] + steps.map(\.operand) : nil
    }

    /// The names of the attributes below a node, each once, in reading order.
    fileprivate func attributes(below node: Int32) -> [String] {
        let place = places[Int(node)]
        var names: [(start: Int, name: String)] = []
        for (index, other) in nodes.enumerated() where place.contains(places[index].lowerBound) {
            guard let name = self.name(of: other), !names.contains(where: { $0.name == name }) else { continue }
            names.append((start: places[index].lowerBound, name: name))
        }
        return names.sorted { $0.start < $1.start }.map(\.name)
    }

    private func name(of node: Node) -> String? {
        switch node {
        case .attribute(let index), .exists(let index): names[Int(index)].description
        default: nil
        }
    }
}

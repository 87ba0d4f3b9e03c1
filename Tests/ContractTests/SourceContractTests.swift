import ApusPorts
import ApusRegistry
import ApusResources
import ApusTesting
import Specs
import Testing

/// A kind of source of the registry.
struct ListedSource: Sendable, CustomTestStringConvertible {
    let type: any SourceKind.Type

    var testDescription: String { type.schema.kind.kind }
    static var all: [ListedSource] { Registry.sources.map { ListedSource(type: $0) } }
}

@Suite(.timeLimit(.minutes(5))) struct `Every source` {
    @Test(arguments: ListedSource.all, SourceContract.clauses)
    func `keeps the contract`(source: ListedSource, clause: SourceContract.Clause) throws {
        let kind = source.type.schema.kind.kind
        if let reason = source.type.waivers[clause.sentence] {
            Specs.skipped("\(kind) waives a clause", "\(clause.sentence): \(reason)")
            try Test.cancel("\(kind) waives this: \(reason)")
        }
        guard let specimen = source.type.specimen else {
            Specs.skipped("the contract of sources on \(kind)", "it needs a server; its own tests show the clauses")
            try Test.cancel("\(kind) needs a server; its own tests show this")
        }
        try clause.check(SourceHarness(source.type), specimen)
    }

    @Test(arguments: ListedSource.all)
    func `waives no clause that is not there`(source: ListedSource) {
        let sentences = Set(SourceContract.clauses.map(\.sentence))
        #expect(Set(source.type.waivers.keys).subtracting(sentences).isEmpty)
    }

    @Test func `has names of its own`() {
        let kinds = Registry.catalog.kindsServed
        for names in [kinds.map(\.kind), kinds.map(\.plural), kinds.map(\.singular)] { #expect(Set(names).count == names.count) }
        for kind in kinds { #expect(Registry.catalog.named(kind.plural.uppercased()) == kind) }
    }

    /// `apus explain` and the parser know the same fields.
    @Test(arguments: ListedSource.all)
    func `explains every field that it reads, and no other`(source: ListedSource) throws {
        let schema = source.type.schema
        // Every mapping that has fields, empty: the parser asks each for all that it knows.
        let documented = Set(FieldDocs.source(schema).map(\.path)).filter { !$0.contains("annotations[") }
        var document = DocumentNode.mapping([])
        for path in documented.sorted() where documented.contains(where: { $0.hasPrefix("\(path).") }) {
            document.nest(path.split(separator: ".").map(String.init))
        }
        document.nest(["apiVersion"], .string(schema.kind.apiVersion))
        document.nest(["kind"], .string(schema.kind.kind))
        let asked = Resource.fieldsAsked(of: document, catalog: Registry.catalog)
        #expect(asked.subtracting(documented).sorted() == [], "read, and not explained")
        #expect(documented.subtracting(asked).sorted() == [], "explained, and not read")
        for doc in FieldDocs.source(schema) {
            #expect(doc.text.hasSuffix("."), "\(doc.path)")
            #expect(!FieldDocs.explain(kind: schema.kind.plural, path: doc.path, catalog: Registry.catalog).isEmpty)
        }
    }

    @Test(arguments: ListedSource.all.filter { $0.type.specimen != nil })
    func `is read in each of its versions, and kept in the first`(source: ListedSource) throws {
        let schema = source.type.schema
        let specimen = source.type.specimen ?? ""
        for version in [schema.kind.version] + schema.otherVersions {
            let text = specimen.replacing("\(schema.kind.apiVersion)\"", with: "\(schema.kind.group)/\(version)\"")
            let resource = try Resource(json: Array(text.utf8), catalog: Registry.catalog)
            #expect(resource.document()["apiVersion"]?.text == schema.kind.apiVersion)
            #expect(try Resource(resource.document(), catalog: Registry.catalog) == resource)
        }
    }
}

extension DocumentNode {
    /// Puts a value at a path, with the mappings above it; a list in it is a list of one mapping.
    fileprivate mutating func nest(_ path: [String], _ value: DocumentNode = .mapping([])) {
        guard let first = path.first else {
            self = value
            return
        }
        let isList = first.hasSuffix("[]")
        let name = isList ? String(first.dropLast(2)) : first
        var members: [Member] = if case .mapping(let members) = content { members } else { [] }
        var child = members.first { $0.name == name }?.value ?? .mapping([])
        if case .sequence(let items) = child.content { child = items[0] }
        child.nest(Array(path.dropFirst()), value)
        members.removeAll { $0.name == name }
        members.append(Member(name, isList ? .sequence([child]) : child))
        content = .mapping(members)
    }
}

/// What is wrong with a field of a document: where, and a sentence.
///
/// Printed as `file.yaml:12: spec.delivery.retry: must be at least 0, was -1`.
public struct FieldError: Error, Sendable, Hashable {
    public var file: String?
    /// Counted from 1 in its file; 0 where the error is the whole file's.
    public var document: Int
    public var line: Int?
    /// Empty where the error is the whole document's.
    public var path: String
    public var message: String
    /// The line of an expression in the field, and below it a caret under the place; for a terminal. Empty for most.
    public var excerpt: [String]

    public init(
        file: String? = nil, document: Int = 0, line: Int? = nil, path: String, message: String, excerpt: [String] = []
    ) {
        self.file = file
        self.document = document
        self.line = line
        self.path = path
        self.message = message
        self.excerpt = excerpt
    }
}

extension FieldError: CustomStringConvertible {
    public var description: String {
        let place = [file, line.map(String.init)].compactMap { $0 }.joined(separator: ":")
        let prefix = place.isEmpty ? "" : "\(line != nil && file == nil ? "line " : "")\(place): "
        let namesItself = path.isEmpty || message.hasPrefix("\(path) ")
        return prefix + (namesItself ? "" : "\(path): ") + message
    }
}

/// Everything that is wrong with what was given, in the order of the files.
public struct FieldErrors: Error, Sendable, Equatable, CustomStringConvertible {
    public var errors: [FieldError]

    public init(_ errors: [FieldError]) { self.errors = errors }

    /// One line an error.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}

/// Collects errors while a document is read, so that a user meets all of them at once.
public final class FieldReport {
    public private(set) var errors: [FieldError] = []
    /// Every field that the parser asked for, lists as `[]` and maps as `[]`: held against ``FieldDocs`` by a test.
    private(set) var asked: Set<String> = []

    /// Adds an error at a path of the document.
    public func add(_ path: String, _ message: String, line: Int? = nil, excerpt: [String] = []) {
        errors.append(FieldError(line: line, path: path, message: message, excerpt: excerpt))
    }

    func add(_ new: [FieldError]) { errors += new }
    func ask(_ schemaPath: String) { asked.insert(schemaPath) }
}

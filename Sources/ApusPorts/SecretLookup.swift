/// Where the values of Secrets are found. They are read when they are used, and kept in no resource, status or log line.
public struct SecretLookup: Sendable {
    /// The value of one key of a Secret, as the bytes of its file.
    public var read: @Sendable (_ namespace: String, _ name: String, _ key: String) throws(SecretFailure) -> [UInt8]

    public init(
        _ read: @escaping @Sendable (_ namespace: String, _ name: String, _ key: String) throws(SecretFailure) -> [UInt8]
    ) {
        self.read = read
    }

    /// A node that was given no Secrets.
    public static let none = SecretLookup { (namespace, name, key) throws(SecretFailure) in
        throw SecretFailure(
            "There are no Secrets: start the node with --secrets DIR, and put the value into DIR/\(namespace)/\(name)/\(key).")
    }
}

/// Why a Secret's value is not there, in a sentence that never holds the value.
public struct SecretFailure: Error, Sendable, Equatable {
    public var message: String

    public init(_ message: String) { self.message = message }
}

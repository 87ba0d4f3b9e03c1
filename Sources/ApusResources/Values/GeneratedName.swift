/// Kubernetes' `metadata.generateName`: the name of a resource whose maker gave only how it begins.
public enum GeneratedName {
    /// Those that Kubernetes draws from: no vowels, so that no word comes of it, and none that looks like another.
    private static let letters = Array("bcdfghjklmnpqrstvwxz2456789".utf8)
    private static let length = 5

    /// The document with a name of `generateName` and five letters that `seed` draws; nil where it has a name, or no
    /// `generateName`.
    public static func naming(_ document: DocumentNode, seed: UInt64) -> DocumentNode? {
        guard case .mapping(var members) = document.content,
            let index = members.firstIndex(where: { $0.name == "metadata" }),
            case .mapping(var metadata) = members[index].value.content,
            metadata.first(where: { $0.name == "name" })?.value.text?.isEmpty ?? true,
            let prefix = members[index].value["generateName"]?.text, !prefix.isEmpty
        else { return nil }
        metadata.removeAll { $0.name == "name" }
        metadata.append(DocumentNode.Member("name", .string(prefix + suffix(seed))))
        members[index].value = DocumentNode(.mapping(metadata), line: members[index].value.line)
        return DocumentNode(.mapping(members), line: document.line)
    }

    private static func suffix(_ seed: UInt64) -> String {
        var rest = seed
        return String(
            decoding: (0..<length).map { _ in
                let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: UInt64(letters.count))
                rest = quotient
                return letters[Int(remainder)]
            }, as: UTF8.self)
    }
}

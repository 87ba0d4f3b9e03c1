import ApusResources

extension DocumentNode {
    /// A member as text; empty where there is none, or where it is a list or a mapping.
    func string(_ name: String) -> String { self[name]?.plainText ?? "" }

    /// The items of a list that is a member.
    func items(_ name: String) -> [DocumentNode] { self[name]?.items ?? [] }

    /// Of an attempt: what came back, as a cell.
    var answerCell: String {
        Printable.words(self["answer"]?["text"]?.text ?? (self["answer"] == nil ? "" : "bytes that are no text"))
    }
}

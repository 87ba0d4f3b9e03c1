extension DocumentNode {
    /// The document that a JSON Merge Patch makes of this one (RFC 7396, section 2): a member that is null goes, a mapping is
    /// merged, and anything else takes the place of what was there.
    public func merging(_ patch: DocumentNode) -> DocumentNode {
        guard case .mapping(let changes) = patch.content else { return patch }
        var members: [Member] = []
        if case .mapping(let own) = content { members = own }
        for change in changes {
            let index = members.firstIndex { $0.name.utf8.elementsEqual(change.name.utf8) }
            if change.value.isNull {
                if let index { members.remove(at: index) }
            } else if let index {
                members[index].value = members[index].value.merging(change.value)
            } else {
                // What is new is merged onto nothing: nulls inside it go too.
                members.append(Member(change.name, DocumentNode(.null).merging(change.value)))
            }
        }
        return DocumentNode(.mapping(members), line: line)
    }
}

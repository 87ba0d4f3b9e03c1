extension CloudEvent {
    /// An event of version 1.0 for those who make events. Every value is checked against the core specification.
    ///
    /// `time` is text in RFC 3339; a ``Timestamp`` gives it with ``Timestamp/rfc3339``.
    public init(
        id: String, source: String, type: String, time: String? = nil, subject: String? = nil,
        dataContentType: String? = nil, dataSchema: String? = nil, extensions: [Attribute] = [], data: [UInt8]? = nil
    ) throws(CloudEventError) {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string(id))
        attributes.append("source", .uriReference(source))
        attributes.append("type", .string(type))
        if let time { attributes.append("time", .timestamp(time)) }
        if let subject { attributes.append("subject", .string(subject)) }
        if let dataContentType { attributes.append("datacontenttype", .string(dataContentType)) }
        if let dataSchema { attributes.append("dataschema", .uri(dataSchema)) }
        for attribute in extensions { attributes.append(attribute.name, attribute.value) }
        self.init(attributes: attributes, data: data)
        try validate()
    }

    /// Refuses what the specification does not allow: names, required attributes, types and values (core specification,
    /// sections 2 and 3), in the version that the event states.
    public func validate() throws(CloudEventError) {
        guard let stated = attributes.text(of: "specversion") else { throw AttributeRules.missing(.specversion) }
        guard let version = SpecVersion(Array(stated.utf8).span) else {
            throw AttributeRules.unsupportedVersion(Array(stated.utf8).span)
        }
        var seen: UInt16 = 0
        var names: [String] = []
        for attribute in attributes {
            let name = Array(attribute.name.utf8)
            guard AttributeRules.isName(name.span) else { throw AttributeRules.invalidName(name.span, of: "attribute") }
            guard !names.contains(attribute.name) else { throw AttributeRules.duplicate(attribute.name, "attribute") }
            names.append(attribute.name)
            let text = Array(attribute.value.text.utf8)
            if let core = CoreAttribute(ignoringCase: name.span), core.isDefined(in: version) {
                seen |= core.bit
                let value = try AttributeRules.value(of: core, text.span, isPlain: false, version: version)
                guard value == attribute.value else {
                    throw AttributeRules.invalid(attribute.name, text.span, "a value of the type that the name has is needed")
                }
            } else {
                try Self.validate(attribute, text.span)
            }
        }
        try AttributeRules.checkRequired(seen)
    }

    private static func validate(_ attribute: Attribute, _ text: Span<UInt8>) throws(CloudEventError) {
        try AttributeRules.checkString(text, name: attribute.name)
        switch attribute.value {
        case .boolean, .integer, .binary, .string: return
        case .uri where URIGrammar.isURI(text): return
        case .uriReference where URIGrammar.isReference(text): return
        case .timestamp where RFC3339(text) != nil: return
        case .uri: throw AttributeRules.invalid(attribute.name, text, "an absolute URI of RFC 3986 is needed")
        case .uriReference: throw AttributeRules.invalid(attribute.name, text, "a URI-reference of RFC 3986 is needed")
        case .timestamp: throw AttributeRules.invalid(attribute.name, text, "an RFC 3339 timestamp is needed")
        }
    }
}

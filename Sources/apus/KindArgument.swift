import ApusResources
import ArgumentParser

/// A kind as a person writes it: `trigger`, `triggers`, `Trigger`.
struct KindArgument: ExpressibleByArgument {
    var kind: ResourceKind

    init?(argument: String) {
        guard let kind = ResourceKind.named(argument) else { return nil }
        self.kind = kind
    }

    static var allValueStrings: [String] { ResourceKind.served.map(\.plural) }
}

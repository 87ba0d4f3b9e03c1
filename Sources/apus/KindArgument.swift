import ApusRegistry
import ApusResources
import ArgumentParser

/// A kind as a person writes it: `trigger`, `triggers`, `Trigger`.
struct KindArgument: ExpressibleByArgument {
    var kind: ResourceKind

    init?(argument: String) {
        guard let kind = Registry.catalog.named(argument) else { return nil }
        self.kind = kind
    }

    static var allValueStrings: [String] { Registry.catalog.kindsServed.map(\.plural) }
}

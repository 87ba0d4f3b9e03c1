package import ApusPorts
package import ApusResources
package import CloudEvents

/// A resource as a manifest file wishes it.
package struct DesiredResource: Sendable, Equatable {
    package var key: ResourceIdentity
    /// The document without status, as JSON with members in a fixed order: equal text is an equal wish.
    package var document: String
    package var file: String

    package init(key: ResourceIdentity, document: String, file: String) {
        self.key = key
        self.document = document
        self.file = file
    }
}

/// What has to be written so that the store says what the files say (promise 23). Pure.
///
/// - in a file and not stored: created;
/// - in a file and stored with another document: changed, its generation one up;
/// - in a file and removed less than a day ago: taken up again, with the UID that it had;
/// - stored for a file that is below today's `-f` paths but no longer brings it: removed, and kept for a day;
/// - stored for a file that is not below today's `-f` paths: disowned, and it runs on.
package struct FilePlan: Sendable, Equatable {
    package var writes: [StoredResource] = []

    /// - Parameters:
    ///   - stored: everything in the store, removed resources included.
    ///   - covers: whether a path is below today's `-f` paths.
    ///   - makeUID: called for each new resource.
    package init(
        desired: [DesiredResource], stored: [ResourceIdentity: StoredResource], covers: (String) -> Bool, now: Timestamp,
        nextVersion: Int64, makeUID: () -> String
    ) {
        var version = nextVersion
        let wished = Set(desired.map(\.key))
        for wish in desired {
            var resource =
                stored[wish.key]
                ?? StoredResource(
                    key: wish.key, uid: makeUID(), document: "", generation: 0, resourceVersion: 0, createdAt: now)
            let changed = resource.document != wish.document || resource.removedAt != nil
            guard changed || resource.file != wish.file else { continue }
            if changed { resource.generation += 1 }
            resource.document = wish.document
            resource.file = wish.file
            resource.removedAt = nil
            resource.resourceVersion = version
            version += 1
            writes.append(resource)
        }
        for var resource in stored.values.sorted(by: { $0.resourceVersion < $1.resourceVersion }) {
            guard let file = resource.file, resource.removedAt == nil, !wished.contains(resource.key) else { continue }
            if covers(file) {
                resource.removedAt = now
            } else {
                resource.file = nil
            }
            resource.resourceVersion = version
            version += 1
            writes.append(resource)
        }
    }

    /// The removed resources whose day is over: they are forgotten, with what they held.
    package static func expired(_ stored: some Sequence<StoredResource>, now: Timestamp) -> [StoredResource] {
        let kept = Int64(Limits.removedKeptHours) * 3_600_000_000_000
        return stored.filter { resource in
            guard let removedAt = resource.removedAt else { return false }
            return now.nanoseconds - removedAt.nanoseconds >= kept
        }
    }
}

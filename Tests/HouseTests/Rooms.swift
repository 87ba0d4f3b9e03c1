/// Who may import whom: house.md's table of arrows, with ApusHTTP in layer 1.
enum Rooms {
    /// Layers 0 to 3, which every room above may import; ApusHTTP is for those that speak HTTP.
    private static let base: Set = ["CloudEvents", "ApusTelemetry", "EventFilters", "ApusResources", "ApusPorts"]

    /// Rooms of ours that a room may import; nil where the room is not known.
    static func allowed(_ room: String) -> Set<String>? {
        if room.hasPrefix("Tests/") { return everything }
        if room.hasPrefix("brokers/") || room.hasPrefix("sources/") { return base.union(clients[room] ?? []) }
        return arrows[room]
    }

    private static let arrows: [String: Set<String>] = [
        "specs": [],
        "Sources/CloudEvents": [],
        "Sources/ApusTelemetry": [],
        "Sources/KafkaClient": ["CRDKafka"],
        "Sources/NATSClient": ["CNATS"],
        "Sources/EventFilters": ["CloudEvents"],
        "Sources/ApusHTTP": ["CloudEvents", "ApusTelemetry"],
        "Sources/ApusResources": ["EventFilters", "CloudEvents"],
        "Sources/ApusPorts": ["ApusResources", "EventFilters", "CloudEvents"],
        "Sources/ApusIntake": base,
        "Sources/ApusDispatch": base,
        "Sources/ApusDelivery": base.union(["ApusHTTP"]),
        "Sources/ApusHistory": base,
        "Sources/ApusControl": base.union(["ApusIntake", "ApusDispatch", "ApusHistory"]),
        "Sources/ApusServer": base.union(["ApusHTTP", "ApusControl", "ApusHistory", "ApusIntake"]),
        "Sources/ApusClient": base.union(["ApusHTTP"]),
        "Sources/ApusTesting": base,
        "Sources/ApusRegistry": [
            "ApusPorts", "ApusResources", "BrokerMemory", "BrokerSQLite", "BrokerKafka", "BrokerJetStream", "SourcePing",
            "SourceKafka", "SourceNATS",
        ],
        "Sources/apus": everything.subtracting(["ApusTesting", "TestSupport", "Specs", "apus"]),
    ]

    /// A broker or a source sees its own client and no other.
    private static let clients: [String: Set<String>] = [
        "brokers/sqlite": ["CSQLite"], "brokers/kafka": ["KafkaClient"], "sources/kafka": ["KafkaClient"],
        "brokers/jetstream": ["NATSClient"], "sources/nats": ["NATSClient"],
    ]

    private static let everything: Set = base.union([
        "ApusHTTP", "ApusIntake", "ApusDispatch", "ApusHistory", "ApusDelivery", "ApusControl", "ApusServer", "ApusClient",
        "ApusRegistry",
        "ApusTesting", "KafkaClient", "NATSClient", "CSQLite", "CRDKafka", "CNATS", "BrokerMemory", "BrokerSQLite", "BrokerKafka",
        "BrokerJetStream", "SourcePing", "SourceKafka", "SourceNATS", "TestSupport", "Specs", "apus",
    ])

    /// Whether a module is one of ours.
    static func isOurs(_ module: String) -> Bool { everything.contains(module) }

    /// Rooms that own a library of others, by a prefix of its modules' names. Tests of these rooms may import it too.
    static let owners: [(library: String, rooms: Set<String>)] = [
        ("CSQLite", ["brokers/sqlite", "Tests/BrokerSQLiteTests"]),
        ("CRDKafka", ["Sources/KafkaClient"]),
        ("CNATS", ["Sources/NATSClient"]),
        ("Hummingbird", ["Sources/ApusServer", "Tests/ApusServerTests"]),
        ("HTTPTypes", ["Sources/ApusServer", "Tests/ApusServerTests"]),
        ("NIOHTTP1", ["Tests/EndToEndTests"]),
        (
            "NIO",
            [
                "Sources/ApusHTTP", "Sources/ApusServer", "Sources/ApusDelivery", "Sources/ApusClient", "Sources/apus",
                "Tests/ApusHTTPTests", "Tests/ApusServerTests", "Tests/ApusDeliveryTests", "Tests/ApusClientTests",
                "Tests/EndToEndTests",
            ]
        ),
        ("Yams", ["Sources/ApusResources", "specs"]),
        ("ArgumentParser", ["Sources/apus"]),
        (
            "Logging",
            [
                "Sources/ApusTelemetry", "Sources/ApusIntake", "Sources/ApusDispatch", "Sources/ApusDelivery",
                "Sources/ApusControl",
                "Sources/ApusServer", "Sources/apus", "brokers/sqlite", "brokers/kafka", "brokers/jetstream", "Tests/HouseTests",
                "Tests/ApusControlTests", "Tests/ApusServerTests", "Tests/ApusDispatchTests", "Tests/ApusDeliveryTests",
                "Tests/ApusIntakeTests", "Tests/BrokerSQLiteTests",
            ]
        ),
    ]

    /// What comes with the toolchain and is not Foundation.
    static let toolchain: Set = ["Swift", "Synchronization", "Glibc", "Musl", "Darwin", "Dispatch", "PackageDescription"]

    /// Rooms on an event's way: none of their files imports Foundation.
    static let withoutFoundation: Set = [
        "Sources/CloudEvents", "Sources/EventFilters", "Sources/ApusPorts", "Sources/ApusDispatch", "Sources/ApusHTTP",
        "Sources/ApusIntake", "Sources/ApusDelivery", "Sources/ApusTelemetry", "Sources/KafkaClient",
        "brokers/memory", "brokers/sqlite",
    ]
}

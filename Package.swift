// swift-tools-version: 6.3
import Foundation
import PackageDescription

// The rules of the house: Swift 6, warnings are errors, every upcoming feature that 6.3 lists.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .treatAllWarnings(as: .error),
]

/// A room of the house: `Sources/<name>`.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(name)", swiftSettings: house)
}

/// A log backend: `brokers/<folder>`. It sees ApusPorts and below, and its own client.
func broker(_ name: String, _ folder: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: "Broker\(name)", dependencies: ["ApusPorts", "ApusResources", "CloudEvents"] + dependencies,
        path: "brokers/\(folder)", swiftSettings: house)
}

/// A kind of source: `sources/<folder>`. It sees ApusPorts and below, and its own client.
func source(_ name: String, _ folder: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: "Source\(name)", dependencies: ["ApusPorts", "ApusResources", "CloudEvents"] + dependencies,
        path: "sources/\(folder)", swiftSettings: house)
}

/// The tests of one room or of the whole: `Tests/<name>`.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["Specs"], path: "Tests/\(name)", exclude: exclude, swiftSettings: house)
}

/// Everything below `specs/` but its one source file: data that tests read where it stands.
let specData = ((try? FileManager.default.contentsOfDirectory(atPath: Context.packageDirectory + "/specs")) ?? [])
    .filter { $0 != "Specs.swift" }.sorted()

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLSEvents: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let brokers = [
    broker("Memory", "memory"),
    broker("SQLite", "sqlite", ["CSQLite", "ApusTelemetry", logging]),
]

let sources = [
    source("Ping", "ping"),
    source("Kafka", "kafka", ["KafkaClient"]),
    source("NATS", "nats", ["NATSClient"]),
]

let rooms = [
    room("CloudEvents"),
    room("ApusTelemetry", [logging]),
    room("NATSClient", ["CNATS"]),
    room("ApusHTTP", ["CloudEvents", nio, nioPosix, nioTLS, nioTLSEvents]),
    room("EventFilters", ["CloudEvents"]),
    room("ApusResources", ["EventFilters", "CloudEvents", yaml]),
    room("ApusPorts", ["ApusResources", "CloudEvents"]),
    room("ApusIntake", ["ApusPorts", "ApusResources", "EventFilters", "CloudEvents", "ApusTelemetry", logging]),
    room("ApusDispatch", ["ApusPorts", "ApusResources", "EventFilters", "CloudEvents", "ApusTelemetry", logging]),
    room("ApusHistory", ["ApusPorts", "ApusResources", "EventFilters", "CloudEvents"]),
    room("ApusDelivery", ["ApusPorts", "ApusHTTP", "CloudEvents", "ApusTelemetry", nio, nioPosix, nioTLS, logging]),
    room(
        "ApusControl",
        [
            "ApusIntake", "ApusDispatch", "ApusHistory", "ApusPorts", "ApusResources", "EventFilters", "CloudEvents",
            "ApusTelemetry", logging,
        ]),
    room("ApusRegistry", ["ApusPorts", "ApusResources"] + (brokers + sources).map { .byName(name: $0.name) }),
    room(
        "ApusServer",
        [
            "ApusControl", "ApusHistory", "ApusIntake", "ApusPorts", "ApusResources", "ApusHTTP", "EventFilters", "CloudEvents",
            "ApusTelemetry", nio, nioPosix, hummingbird, logging,
        ]),
    room("ApusClient", ["ApusHTTP", "ApusResources", "CloudEvents", nio, nioPosix]),
    room("ApusTesting", ["ApusPorts", "ApusResources", "EventFilters", "CloudEvents"]),
    .systemLibrary(name: "CRDKafka", path: "Sources/CRDKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    room("KafkaClient", ["CRDKafka"]),
    .systemLibrary(name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CNATS", path: "Sources/CNATS", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
    .executableTarget(
        name: "apus",
        dependencies: [
            "ApusRegistry", "SourcePing", "ApusServer", "ApusControl", "ApusDelivery", "ApusDispatch", "ApusIntake", "ApusClient",
            "ApusHTTP",
            "ApusPorts", "ApusResources", "EventFilters", "CloudEvents", "ApusTelemetry", arguments, logging, nio, nioPosix,
        ], path: "Sources/apus", swiftSettings: house),
]

let package = Package(
    name: "apus",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "CloudEvents", targets: ["CloudEvents"]),
        .library(name: "EventFilters", targets: ["EventFilters"]),
        .executable(name: "apus", targets: ["apus"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
    ],
    targets: rooms + brokers + sources + [
        .target(
            name: "Specs", dependencies: [yaml], path: "specs", exclude: specData, sources: ["Specs.swift"],
            swiftSettings: house),
        .executableTarget(name: "kmock", dependencies: ["CRDKafka"], path: "Tests/Support/kmock"),
        .target(name: "TestSupport", path: "Tests/Support", exclude: ["kmock"], swiftSettings: house),
        tests("CloudEventsTests", ["CloudEvents", "TestSupport"]),
        tests("EventFiltersTests", ["EventFilters", "CloudEvents", "TestSupport"]),
        tests("ApusResourcesTests", ["ApusRegistry", "ApusResources", "EventFilters", "CloudEvents"]),
        tests("ApusHTTPTests", ["ApusHTTP", "CloudEvents", "TestSupport", nio]),
        tests(
            "ApusIntakeTests",
            ["ApusIntake", "ApusPorts", "BrokerMemory", "ApusTesting", "CloudEvents", "EventFilters", "ApusTelemetry"]),
        tests(
            "ApusDispatchTests",
            [
                "ApusDispatch", "ApusPorts", "ApusResources", "BrokerMemory", "ApusTesting", "EventFilters", "CloudEvents",
                "ApusTelemetry",
            ]),
        tests(
            "ApusHistoryTests",
            [
                "ApusHistory", "ApusPorts", "ApusResources", "BrokerMemory", "BrokerSQLite", "ApusTesting", "EventFilters",
                "CloudEvents", "TestSupport",
            ]),
        tests("ApusClientTests", ["ApusClient", "ApusHTTP", "ApusResources", "TestSupport"]),
        tests(
            "ApusDeliveryTests",
            ["ApusDelivery", "ApusHTTP", "ApusPorts", "CloudEvents", "ApusTelemetry", nio, nioPosix, nioTLS]),
        tests(
            "ApusServerTests",
            [
                "ApusServer", "ApusControl", "ApusIntake", "ApusHTTP", "ApusPorts", "ApusResources", "ApusTesting",
                "BrokerMemory",
                "CloudEvents",
                "EventFilters", "ApusTelemetry", hummingbird, logging, nio, nioEmbedded, nioPosix,
            ]),
        tests(
            "ApusControlTests",
            [
                "ApusControl", "ApusDispatch", "ApusHistory", "ApusIntake", "ApusPorts", "ApusResources", "ApusTesting",
                "ApusRegistry", "BrokerMemory", "BrokerSQLite", "CloudEvents", "EventFilters", "ApusTelemetry", "TestSupport",
                logging,
            ]),
        tests(
            "BrokerSQLiteTests",
            ["BrokerSQLite", "ApusResources", "ApusPorts", "ApusTesting", "CloudEvents", "CSQLite", "TestSupport"]),
        tests("KafkaClientTests", ["KafkaClient", "TestSupport"]),
        tests("SourcePingTests", ["SourcePing", "ApusResources", "ApusPorts", "ApusTesting", "CloudEvents"]),
        tests(
            "SourceKafkaTests",
            ["SourceKafka", "KafkaClient", "TestSupport", "ApusResources", "ApusPorts", "ApusTesting", "CloudEvents"]),
        tests("NATSClientTests", ["NATSClient", "TestSupport"]),
        tests(
            "SourceNATSTests",
            ["SourceNATS", "NATSClient", "TestSupport", "ApusResources", "ApusPorts", "ApusTesting", "CloudEvents"]),
        tests("ContractTests", ["ApusRegistry", "ApusResources", "ApusTesting", "ApusPorts", "CloudEvents"]),
        tests(
            "EndToEndTests",
            [
                "ApusPorts", "ApusRegistry", "ApusResources", "CloudEvents", "KafkaClient", "NATSClient", "TestSupport", "apus",
                nio,
                nioPosix, nioHTTP1,
            ],
            exclude: ["fsyncdelay.c", "natspublish.py"]),
        tests("HouseTests", ["ApusTelemetry", "ApusResources", "ApusPorts", logging]),
    ],
    swiftLanguageModes: [.v6]
)

// swift-tools-version: 6.3
import PackageDescription

// A package of its own: what only a benchmark needs stays out of everyone's build.
let package = Package(
    name: "apus-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "apus", path: ".."),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
    ],
    targets: [
        .executableTarget(
            name: "CeilingServer",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], path: "Sources/CeilingServer"),
        .target(name: "CAllocations", path: "Sources/CAllocations"),
        .executableTarget(
            name: "Matching",
            dependencies: [
                "CAllocations", .product(name: "CloudEvents", package: "apus"), .product(name: "EventFilters", package: "apus"),
            ], path: "Sources/Matching"),
    ],
    swiftLanguageModes: [.v6]
)

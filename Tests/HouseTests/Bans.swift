/// A call that the house does without, where, and what stands in its place.
struct Ban: Sendable {
    var needle: String
    var instead: String
    /// Whether a file may not use it.
    var holds: @Sendable (SwiftSource) -> Bool = { _ in true }

    static let all: [Ban] = [
        Ban(needle: "Date()", instead: "take the time as an input: Executor.now, BackendContext.clock"),
        Ban(needle: "Date.now", instead: "take the time as an input: Executor.now, BackendContext.clock"),
        Ban(needle: "try!", instead: "throw; a test may be `throws`"),
        Ban(
            needle: "Task.sleep", instead: "Executor.schedule(after:); in a test, wait for what happens",
            holds: { $0.path != patience && $0.room != edge }),
        Ban(needle: "Thread.sleep", instead: "wait for what happens"),
        Ban(needle: "usleep(", instead: "wait for what happens"),
        Ban(needle: "nanosleep(", instead: "wait for what happens"),
        Ban(needle: "sleep(", instead: "wait for what happens", holds: { $0.room.hasPrefix("Tests/") && $0.path != patience }),
        Ban(needle: ".disabled(", instead: "mend the test or remove it; Test.cancel says what is missing here"),
        Ban(needle: "XCTest", instead: "Swift Testing"),
        Ban(needle: ".shuffled()", instead: "shuffled(using:) a seeded generator"),
        Ban(needle: ".randomElement()", instead: "randomElement(using:) a seeded generator"),
        Ban(
            needle: "SystemRandomNumberGenerator()", instead: "a generator that is handed in",
            holds: { $0.room != edge }),
        Ban(
            needle: "print(", instead: "swift-log, with LogMessage and LogKey",
            holds: {
                $0.room.hasPrefix("Sources/") && $0.room != edge || $0.room.hasPrefix("brokers/")
                    || $0.room.hasPrefix("sources/")
            }),
        Ban(needle: "NSLog(", instead: "swift-log, with LogMessage and LogKey"),
    ]

    /// The composition root: time, waiting and randomness begin there and are handed to everyone else.
    static let edge = "Sources/apus"

    /// The one place where an end-to-end test waits for another process by looking again.
    static let patience = "Tests/Support/Patience.swift"

    /// Words that say work is left, in code or in comments. Written in two halves so that this file has none.
    static let leftOver = ["TO" + "DO", "FIX" + "ME"]

    /// Paths that exist on one machine only.
    static let machinePaths = ["/wor" + "k/", "/roo" + "t/", "/Use" + "rs/", "/hom" + "e/"]
}

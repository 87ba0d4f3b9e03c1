import ApusClient
import ApusResources
import ArgumentParser
import Glibc

/// Shows how far a replay is until it is over, or until Ctrl-C: the replay itself goes on then.
struct ReplayWatching {
    let client: APIClient
    let namespace: String
    let name: String
    /// Prints nothing but the replay as it is at last.
    let isJSON: Bool

    private static let pauseMilliseconds = 250
    /// How long a node that does not answer is waited for: it may be starting anew.
    private static let silenceSecondsMax = 60.0

    private enum Ending {
        case over(Replay)
        case detached
    }

    /// The name, and where that needs it the namespace, as the commands that take a replay want it.
    static func place(_ name: String, _ namespace: String) -> String { namespace == "default" ? name : "\(name) -n \(namespace)" }

    /// Makes a replay, and shows how far it is until it is over; with `detach` only says how to.
    ///
    /// - Parameter word: What it is called: replay, or redrive.
    static func begin(
        _ replay: Resource, _ client: APIClient, namespace: String, word: String, detach: Bool, isJSON: Bool
    ) async throws {
        let made = try await client.create(replay)
        guard let name = made["metadata"]?["name"]?.text else {
            throw CommandFailure("the node began a \(word) and did not say how it is called; apus replay list shows it")
        }
        guard !detach else {
            let place = place(name, namespace)
            let begun =
                "\(word) \(name) has begun; apus replay watch \(place) shows how far it is, apus replay cancel \(place) ends it"
            return Console.print([isJSON ? made.json(pretty: true) : begun])
        }
        try await ReplayWatching(client: client, namespace: namespace, name: name, isJSON: isJSON).run()
    }

    /// Ends with the exit code that says what came of it.
    func run() async throws {
        let signals = Signals()
        let ending = try await withThrowingTaskGroup(of: Ending.self) { group in
            group.addTask { .over(try await watch()) }
            group.addTask {
                _ = await signals.first()
                return .detached
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .detached
        }
        let place = Self.place(name, namespace)
        switch ending {
        case .detached:
            Console.printError([
                "", "replay \(name) goes on: apus replay watch \(place) shows how far it is, apus replay cancel \(place) ends it",
            ])
            throw ExitCode(130)
        case .over(let replay):
            let line = ProgressLine(name: name, status: replay.status)
            Console.print(isJSON ? [replay.document().json(pretty: true)] : line.end(place: place))
            if !isJSON { Console.printError(line.remarks(broker: replay.spec.broker, namespace: namespace)) }
            if replay.status.state != .completed { throw ExitCode(1) }
        }
    }

    private func watch() async throws -> Replay {
        var speed = ReplaySpeed(), screen = isJSON ? nil : ProgressScreen()
        var lastAnswer = Self.seconds()
        while true {
            let now = Self.seconds()
            do throws(APIClient.Failure) {
                if case .replay(let replay) = try await client.get(.replay, namespace: namespace, name: name) {
                    lastAnswer = now
                    let line = speed.line(name, replay.status, seconds: now)
                    guard replay.status.state?.isOver != true else {
                        screen?.clear()
                        return replay
                    }
                    screen?.show(line, seconds: now)
                }
            } catch {
                guard error.status == nil, now - lastAnswer < Self.silenceSecondsMax else {
                    screen?.clear()
                    throw error
                }
                screen?.showSilence(of: name)
            }
            try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
        }
    }

    private static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Standard error while a replay is watched: a bar that is drawn anew on a terminal, else a line now and then.
private struct ProgressScreen {
    private static let linePauseSeconds = 5.0

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lineAtSeconds = -Double.infinity
    private var note = ""

    mutating func show(_ line: ProgressLine, seconds: Double) {
        let isDue = seconds - lineAtSeconds >= Self.linePauseSeconds
        guard isTerminal else {
            if isDue { printError(line.text, seconds) }
            return
        }
        // Why nothing moves stands above the bar, and not anew at every attempt.
        let message = line.status.message
        if isDue, !message.isEmpty, message != note {
            note = message
            clear()
            printError(message, seconds)
        }
        Console.redraw(line.bar(columns: Self.columns()))
    }

    func showSilence(of name: String) {
        if isTerminal { Console.redraw("\(name)  the node does not answer; waiting for it") }
    }

    func clear() {
        if isTerminal { Console.redraw("") }
    }

    private mutating func printError(_ line: String, _ seconds: Double) {
        Console.printError([line])
        lineAtSeconds = seconds
    }

    private static func columns() -> Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

extension Resource {
    /// A Replay, read as the node would read it.
    ///
    /// - Parameters:
    ///   - name: nil: the node makes one that begins with `word`. A document that is read needs one all the same.
    init(replayNamed name: String?, else word: String, in namespace: String, _ spec: DocumentNode) throws(FieldErrors) {
        let kind = ResourceKind.replay
        let metadata = DocumentNode.mapping([
            ("name", .string(name ?? word)), ("namespace", .string(namespace)),
            ("generateName", name == nil ? .string("\(word)-") : nil),
        ])
        try self.init(
            .mapping([
                ("apiVersion", .string(kind.apiVersion)), ("kind", .string(kind.kind)), ("metadata", metadata), ("spec", spec),
            ]))
        if name == nil { self.metadata.name = "" }
    }
}

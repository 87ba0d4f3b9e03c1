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
    private static let linePauseSeconds = 5.0
    /// How long a node that does not answer is waited for: it may be starting anew.
    private static let silenceSecondsMax = 60.0

    private enum Ending {
        case over(Replay)
        case detached
    }

    /// The name, and where that needs it the namespace, as the commands that take a replay want it.
    static func place(_ name: String, _ namespace: String) -> String { namespace == "default" ? name : "\(name) -n \(namespace)" }

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
        switch ending {
        case .detached:
            let place = Self.place(name, namespace)
            Console.printError([
                "", "replay \(name) goes on: apus replay watch \(place) shows how far it is, apus replay cancel \(place) ends it",
            ])
            throw ExitCode(130)
        case .over(let replay):
            let line = ProgressLine(name: name, status: replay.status)
            Console.print(isJSON ? [replay.document().json(pretty: true)] : line.end)
            if replay.status.state != .completed { throw ExitCode(1) }
        }
    }

    private func watch() async throws -> Replay {
        var speed = ReplaySpeed()
        var lastAnswer = Self.seconds(), lastLine = -Double.infinity
        let hasTerminal = isatty(STDERR_FILENO) == 1
        while true {
            let now = Self.seconds()
            do throws(APIClient.Failure) {
                if case .replay(let replay) = try await client.get(.replay, namespace: namespace, name: name) {
                    lastAnswer = now
                    let line = speed.line(name, replay.status, seconds: now)
                    if replay.status.state?.isOver == true {
                        if hasTerminal, !isJSON { Console.redraw("") }
                        return replay
                    }
                    if !isJSON, hasTerminal {
                        Console.redraw(line.bar(columns: Self.columns()))
                    } else if !isJSON, now - lastLine >= Self.linePauseSeconds {
                        Console.printError([line.text])
                        lastLine = now
                    }
                }
            } catch {
                guard error.status == nil, now - lastAnswer < Self.silenceSecondsMax else { throw error }
                if hasTerminal, !isJSON { Console.redraw("\(name)  the node does not answer; waiting for it") }
            }
            try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
        }
    }

    private static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func columns() -> Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

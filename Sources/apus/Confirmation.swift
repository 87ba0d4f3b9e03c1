import Foundation

/// Asks a person before something that cannot be taken back.
enum Confirmation {
    /// Returns where the answer was yes, or `isGiven`. Fails where there is nobody to ask.
    ///
    /// - Parameter question: Ends in a question mark.
    static func ask(_ question: String, isGiven: Bool) throws -> Bool {
        if isGiven { return true }
        guard isatty(STDIN_FILENO) == 1 else {
            throw CommandFailure("\(question) There is no terminal to ask on: say --yes, or --dry-run to see what it would be")
        }
        try? FileHandle.standardError.write(contentsOf: Data("\(question) [y/N] ".utf8))
        let answer = readLine()?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }
}

import Foundation
import NIOCore

/// Runs `body`, which listens at `address`; where that fails, the error names the door and the reason.
func openingDoor<Result>(_ door: String, at address: String, _ body: () async throws -> Result) async throws -> Result {
    do {
        return try await body()
    } catch let error as IOError {
        let reason = String(cString: strerror(error.errnoCode))
        let remedy = error.errnoCode == EADDRINUSE ? "; stop what listens there, or choose another port" : ""
        throw CommandFailure("\(door) \(address) cannot be opened: \(reason)\(remedy)")
    } catch let error as SocketAddressError.UnknownHost {
        throw CommandFailure("\(door) \(address) cannot be opened: the host \(error.host) is not known")
    }
}

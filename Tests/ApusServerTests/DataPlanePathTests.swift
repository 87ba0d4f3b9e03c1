import ApusHTTP
import NIOCore
import Testing

@testable import ApusIntake
@testable import ApusServer

@Suite struct `A broker's path` {
    private func route(_ path: String) throws -> IngressRoute {
        var scanner = RequestHeadScanner()
        var buffer = ByteBuffer(string: "POST \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
        let head = try scanner.scan(&buffer)
        return IngressRoute(try #require(head))
    }

    @Test(arguments: ["/ns/name", "/ns/name/", "/ns/name?x=/y/z", "http://h:1/ns/name", "/%6Es/nam%65"])
    func `is a namespace and a name`(_ path: String) throws {
        #expect(try route(path) == .event(namespace: "ns", broker: "name"))
    }

    @Test(arguments: [
        "/ns", "/ns/", "//name", "/ns//", "/ns//name", "/ns/name//", "/ns/name/more", "/ns%2Fname", "/ns/na%2Fme", "/ns/na%6",
        "/ns/%",
        "/ns/%zz", "/NS/name", "/ns/Name", "/n_s/name", "/-ns/name", "/ns-/name", "/n.s/name", "/ns/.name", "/ns/name.",
        "/ns/a..b",
        "/ns/a.-b", "/ns/a-.b", "/../name", "/ns/..", "/ns/%00", "/ns/%C3%A9",
    ])
    func `is nothing else`(_ path: String) throws {
        guard case .refused(let refusal) = try route(path) else {
            Issue.record("\(path) is taken")
            return
        }
        #expect(refusal.code == .malformedPath)
    }

    @Test func `keeps to the length of names`() throws {
        let label = String(repeating: "a", count: 63)
        let subdomain =
            Array(repeating: String(repeating: "b", count: 50), count: 4).joined(separator: ".") + "." + label.prefix(49)
        #expect(subdomain.count == 253)
        #expect(try route("/\(label)/\(subdomain)") == .event(namespace: label, broker: subdomain))
        #expect(try route("/\(label)a/b") != .event(namespace: label + "a", broker: "b"))
        #expect(try route("/a/\(subdomain)b") != .event(namespace: "a", broker: subdomain + "b"))
    }
}

import ApusHTTP
import Specs
import Testing

/// One vector of `specs/delivery-http/urls.yaml`.
struct URLVector: Decodable, Sendable {
    var name: String
    var url: String
    var host: String?
    var port: Int?
    var target: String?
    var hostField: String?
    var scheme: String?
    var error: String?
}

@Suite struct `A destination's URL` {
    @Test(arguments: Specs.vectors("delivery-http/urls.yaml", as: URLVector.self))
    func `is taken apart or refused with a sentence`(vector: URLVector) {
        do {
            let url = try HTTPURL(vector.url)
            #expect(vector.error == nil, "\(vector.name)")
            #expect(url.host == vector.host, "\(vector.name)")
            #expect(url.port == vector.port, "\(vector.name)")
            #expect(url.target == vector.target, "\(vector.name)")
            #expect(url.hostField == vector.hostField, "\(vector.name)")
            #expect(url.scheme == (vector.scheme == "https" ? .https : .http), "\(vector.name)")
        } catch {
            #expect(error.message == vector.error, "\(vector.name)")
        }
    }
}

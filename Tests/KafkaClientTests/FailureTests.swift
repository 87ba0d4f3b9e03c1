import KafkaClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `What goes wrong` {
    private func refusal(_ properties: [String: String], servers: [String] = ["127.0.0.1:1"]) -> KafkaError? {
        do throws(KafkaError) {
            _ = try KafkaConsumer(KafkaConfiguration(bootstrapServers: servers, properties: properties), group: "g")
            return nil
        } catch { return error }
    }

    @Test func `in a configuration is said in librdkafka's words`() {
        #expect(refusal(["no.such.key": "1"])?.message == #"No such configuration property: "no.such.key""#)
        #expect(
            refusal(["session.timeout.ms": "soon"])?.message == #"Invalid value for configuration property "session.timeout.ms""#)
        #expect(refusal(["session.timeout.ms": "-5"])?.message.contains("outside allowed range") == true)
        #expect(
            refusal(["security.protocol": "sasl_ssl", "sasl.mechanisms": "NONE"])?.message
                == "Unsupported SASL mechanism: NONE")
        #expect(refusal([:], servers: [])?.message.contains("bootstrap.servers") == true)
        for properties in [["no.such.key": "1"], ["session.timeout.ms": "soon"], ["enable.auto.commit": "true"]] {
            #expect(refusal(properties)?.reason == .configuration)
            #expect(refusal(properties)?.isRetriable == false)
        }
    }

    @Test func `is not allowed to break what is promised`() {
        for key in ["enable.auto.commit", "enable.auto.offset.store"] {
            #expect(refusal([key: "true"])?.message == #"\#(key) is false here and cannot be "true""#)
            #expect(refusal([key: "false"]) == nil)
        }
        #expect(refusal(["group.id": "other"])?.message.contains("group.id") == true)
        #expect(refusal(["statistics.interval.ms": "0"])?.message.contains("idle") == true)
    }

    @Test func `shows no secret`() {
        let secrets = [
            "sasl.password": "s3cret", "ssl.key.password": "s3cret", "ssl.key.pem": "s3cret", "ssl.keystore.password": "s3cret",
            "sasl.oauthbearer.client.secret": "s3cret", "sasl.oauthbearer.config": "s3cret",
        ]
        let configuration = KafkaConfiguration(
            bootstrapServers: ["a:1", "b:2"], properties: secrets.merging(["sasl.username": "me"]) { $1 })
        #expect(!configuration.description.contains("s3cret"))
        #expect(
            configuration.description.contains("bootstrap.servers=a:1,b:2")
                && configuration.description.contains("sasl.username=me"))
        for (key, value) in secrets {
            if let refusal = refusal([key: value]) { #expect(!refusal.description.contains("s3cret"), "\(key)") }
        }
        let pem = refusal(["security.protocol": "ssl", "ssl.key.pem": "s3cret"])
        #expect(pem?.reason == .configuration && pem?.description.contains("s3cret") == false)
    }

    @Test func `with a server that is not there comes with its address`() async throws {
        let events = Events()
        let nobodyListens = "127.0.0.1:1"
        let consumer = try KafkaConsumer(
            KafkaConfiguration(bootstrapServers: [nobodyListens]), group: "g", observe: { events.note($0) })
        try await consumer.subscribe(to: ["t"])
        let error = try await events.error(.unreachable)
        #expect(error.message.contains(nobodyListens) && error.message.contains("Connection refused"), "\(error)")
        #expect(error.name == "_TRANSPORT" && error.isRetriable)
        await #expect {
            try await consumer.metadata(of: "t", timeout: .milliseconds(100))
        } throws: { error in
            (error as? KafkaError)?.isRetriable == true
        }
        let line = try await events.first { if case .log(let line) = $0, line.facility == "FAIL" { line } else { nil } }
        #expect(line.level <= 4 && line.text.contains(nobodyListens))
        await consumer.close()
    }

    @Test func `with a name that nobody knows comes with the name`() async throws {
        let events = Events()
        let producer = try KafkaProducer(KafkaConfiguration(bootstrapServers: ["no-such-host.invalid:9092"])) { events.note($0) }
        let error = try await events.error(.unreachable)
        #expect(error.message.contains("no-such-host.invalid") && error.name == "_RESOLVE", "\(error)")
        await producer.close()
    }

    @Test func `with a server that speaks no TLS is told apart from one that is away`() async throws {
        let cluster = try await KafkaCluster.start()
        let events = Events()
        let producer = try KafkaProducer(cluster.configuration(["security.protocol": "ssl"])) { events.note($0) }
        let error = try await events.first { if case .error(let error, _) = $0 { error } else { nil } }
        #expect([.authentication, .unreachable].contains(error.reason) && error.message.lowercased().contains("ssl"), "\(error)")
        await producer.close()
    }

    @Test func `with a topic that is not there names it`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let unknownTopic = 3
        try await cluster.failTopic("t", code: unknownTopic)
        let events = Events()
        let consumer = try cluster.consumer(events: events)
        await #expect {
            try await consumer.metadata(of: "t")
        } throws: { error in
            (error as? KafkaError)?.reason == .unknownTopic && "\(error)".contains("topic t")
        }
        try await consumer.subscribe(to: ["t"])
        let error = try await events.error(.unknownTopic)
        #expect(error.message.contains("t"))
        await consumer.close()
    }
}

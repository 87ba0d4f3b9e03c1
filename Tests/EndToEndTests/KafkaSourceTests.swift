import ApusPorts
import CloudEvents
import Foundation
import KafkaClient
import TestSupport
import Testing

/// KafkaSources in the real process, on a mock cluster in a process of its own.
///
/// With `APUS_ACCEPTANCE=full` the first test has its full size: 100 000 records, ten kills.
@Suite(.timeLimit(.minutes(15)), .serialized) struct `A KafkaSource in a node` {
    private static let isFull = ProcessInfo.processInfo.environment["APUS_ACCEPTANCE"] == "full"

    @Test func `that is killed while brokers fail brings each record, and once with the duplicate window`() async throws {
        let scene = try await KafkaScene(records: Self.isFull ? 100_000 : 10_000, kills: Self.isFull ? 10 : 3)
        for life in 0..<scene.kills { try await scene.liveAndDie(life) }
        let deduplicated = try await scene.liveToTheEnd()
        let plain = try await scene.arrivals(at: "plain"), once = try await scene.arrivals(at: "once")
        let wanted = Set(scene.expected)
        #expect(wanted.count >= scene.records)
        #expect(Set(plain.keys) == wanted, "each record arrives at least once")
        #expect(Set(once.keys) == wanted, "each record arrives")
        #expect(once.values.allSatisfy { $0 == 1 }, "with the duplicate window, once")
        let (ofPlain, ofOnce) = (plain.values.reduce(0, +), once.values.reduce(0, +))
        print(
            "kafka: killed \(scene.kills) times, \(scene.faults.count) faults of brokers: \(wanted.count) records; without a "
                + "window \(plain.count) of them in \(ofPlain) arrivals (\(ofPlain - plain.count) again); with the window "
                + "\(once.count) in \(ofOnce); in its last life it took out \(deduplicated)")
    }

    private static let kcat = "/usr/bin/kcat"

    @Test func `takes what kcat produces, keys, headers and CloudEvents`() async throws {
        guard FileManager.default.isExecutableFile(atPath: Self.kcat) else { try Test.cancel("there is no \(Self.kcat)") }
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("orders")
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        try folder.write(Manifest.broker() + Manifest.trigger("all", to: subscriber.url), to: "a.yaml")
        try folder.write(
            KafkaScene.source("intake", group: "g", servers: cluster.bootstrapServers, broker: "default"), to: "b.yaml")
        let apus = try await ApusProcess.serve(
            data: "\(folder.path)/data", manifests: [folder.path + "/a.yaml", folder.path + "/b.yaml"])
        try folder.write("k1:hello\n", to: "plain.txt")
        try folder.write("{\"a\":1}\n", to: "event.txt")
        let broker = ["-b", cluster.bootstrapServers[0], "-t", "orders", "-P"]
        let event = ["ce_specversion=1.0", "ce_id=e1", "ce_source=/kcat", "ce_type=t", "content-type=application/json"]
        for arguments in [
            ["-K", ":", "-H", "Tenant=acme", "-l", "\(folder.path)/plain.txt"],
            event.flatMap { ["-H", $0] } + ["-l", "\(folder.path)/event.txt"],
        ] {
            let kcat = try ChildProcess(Self.kcat, broker + arguments)
            #expect(try await kcat.waitForEnd() == .exit(0), "\(kcat.lines)")
        }
        try await subscriber.waitForRequests(2)
        let (plain, wrapped) = (subscriber.requests.first { $0.id == "e1" }, subscriber.requests.first { $0.id != "e1" })
        #expect(plain?.header("ce-source") == "/kcat" && plain?.body == Array(#"{"a":1}"#.utf8))
        #expect(wrapped?.id == "partition:0/offset:0" && wrapped?.body == Array("hello".utf8))
        #expect(wrapped?.header("ce-key") == "k1" && wrapped?.header("ce-kafkaheadertenant") == "acme")
        let listed = try await ApusProcess.run(["get", "kafkasources", "--server", apus.adminURL])
        #expect(
            listed.lines.first?.split(separator: " ").map(String.init) == [
                "NAME", "TOPICS", "BOOTSTRAPSERVERS", "READY", "REASON", "AGE",
            ])
        #expect(listed.lines.last?.contains("orders") == true && listed.lines.last?.contains("True") == true)
        let described = try await ApusProcess.run(["describe", "kafkasource", "intake", "--server", apus.adminURL])
        #expect(described.lines.contains { $0.contains("ConnectionEstablished") })
        #expect(try await apus.stop() == .exit(0))
    }

    @Test func `takes what confluent-kafka and the CloudEvents SDK of Python produce`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("orders")
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let source = KafkaScene.source("intake", group: "g", servers: cluster.bootstrapServers, broker: "default")
        try folder.write(Manifest.broker() + Manifest.trigger("all", to: subscriber.url) + source, to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
        let python = try ChildProcess(SetupCache.python, ["-c", Self.producer, cluster.bootstrapServers[0]])
        #expect(try await python.waitForEnd() == .exit(0), "\(python.lines)")
        try await subscriber.waitForRequests(3)
        let binary = subscriber.requests.first { $0.id == "binary" }
        #expect(binary?.header("ce-tenant") == "acme" && binary?.body == Array(#"{"a": 1}"#.utf8))
        #expect(subscriber.requests.contains { String(decoding: $0.body, as: UTF8.self).contains(#""id": "structured""#) })
        #expect(subscriber.requests.contains { $0.id == "partition:0/offset:2" && $0.header("ce-key") == "k" })
        #expect(try await apus.stop() == .exit(0))
    }

    private static let producer = """
        import sys
        from cloudevents.core.bindings.kafka import to_binary_event, to_structured_event
        from cloudevents.core.v1.event import CloudEvent
        from confluent_kafka import Producer
        producer = Producer({"bootstrap.servers": sys.argv[1]})
        def event(id):
            return CloudEvent({"id": id, "type": "t", "source": "/python", "specversion": "1.0", "tenant": "acme",
                               "datacontenttype": "application/json"}, {"a": 1})
        for message in [to_binary_event(event("binary")), to_structured_event(event("structured"))]:
            producer.produce("orders", message.value, key=message.key, headers=list(message.headers.items()))
            producer.flush()
        producer.produce("orders", b"plain", key=b"k")
        sys.exit(producer.flush(20))
        """

    @Test func `reads its credentials from --secrets, and shows them to nobody`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("orders")
        let folder = try TemporaryFolder()
        let reference = { (key: String) in "\(key): {secretKeyRef: {name: kafka, key: \(key)}}" }
        let source = KafkaScene.source(
            "intake", group: "g", servers: cluster.bootstrapServers, broker: "default",
            more: "net: {sasl: {enable: true, \(reference("user")), \(reference("password"))}}")
        let outside = KafkaScene.source(
            "outside", group: "h", servers: cluster.bootstrapServers, broker: "default",
            more: "net: {tls: {enable: true, caCert: {secretKeyRef: {name: kafka, key: ../../../all.yaml}}}}")
        try folder.write(Manifest.broker() + source + outside, to: "all.yaml")
        try FileManager.default.createDirectory(atPath: "\(folder.path)/secrets/default/kafka", withIntermediateDirectories: true)
        try folder.write("me\n", to: "secrets/default/kafka/user")
        let apus = try await ApusProcess.serve(
            data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"],
            arguments: ["--secrets", "\(folder.path)/secrets"])
        func status(of name: String = "intake") async throws -> String {
            let path = "/apis/sources.knative.dev/v1/namespaces/default/kafkasources/\(name)"
            return try await HTTPExchange.send(port: apus.adminPort, path: path).bodyText
        }
        try await Patience.wait(for: "the Secret that is missing", every: .milliseconds(100)) {
            try await status().contains("secrets/default/kafka/password")
        }
        try await Patience.wait(for: "a key that leads out of the folder to be refused", every: .milliseconds(100)) {
            try await status(of: "outside").contains("has a name that no Secret can have")
        }
        try folder.write("s3cret\n", to: "secrets/default/kafka/password")
        // It is there at the next start of the source; the mock knows no SASL, and says so.
        try await Patience.wait(for: "another reason", every: .milliseconds(100)) {
            try await !status().contains("SecretMissing")
        }
        #expect(try await !status().contains("s3cret"))
        #expect(!apus.log.contains { $0.contains("s3cret") })
        #expect(try await apus.stop() == .exit(0))
    }
}

/// Three brokers, a topic, and two sources that read all of it: one into a log with a duplicate window, one into a log without.
private final class KafkaScene {
    static let partitions: Int32 = 12
    static let groups = ["plain", "once"]

    let records: Int
    let kills: Int
    let cluster: KafkaCluster
    let folder: TemporaryFolder
    private(set) var faults: [String] = []
    private(set) var expected: [String] = []
    /// The faults and the moments of the kills are the same in every run, what the process does in them is not.
    private var random = SeededRandom(seed: 20_261_121)
    private var produced = 0

    init(records: Int, kills: Int) async throws {
        self.records = records
        self.kills = kills
        cluster = try await KafkaCluster.start(brokers: 3)
        try await cluster.createTopic("orders", partitions: Int(Self.partitions), replicas: 3)
        folder = try TemporaryFolder()
        let manifest =
            Manifest.broker("plain") + Manifest.broker("once", annotations: ["apus.dev/deduplication-window": "PT1H"])
            + Self.groups.map { Self.source($0, group: $0, servers: cluster.bootstrapServers, broker: $0) }.joined()
        try folder.write(manifest, to: "all.yaml")
    }

    /// A session is longer than the three seconds that the mock lets a group's first member wait, and else short.
    static func source(_ name: String, group: String, servers: [String], broker: String, more: String = "") -> String {
        """
        apiVersion: sources.knative.dev/v1
        kind: KafkaSource
        metadata: {name: \(name), annotations: {apus.dev/session-timeout: PT3.5S}}
        spec:
          bootstrapServers: [\(servers.map { "\"\($0)\"" }.joined(separator: ", "))]
          topics: [orders]
          consumerGroup: \(group)
          initialOffset: earliest
          \(more)
          sink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: \(broker)}}
        ---

        """
    }

    private func serve() async throws -> ApusProcess {
        try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
    }

    /// Produces this life's share, starts a node, makes brokers fail while records come in, and kills it amid them.
    func liveAndDie(_ life: Int) async throws {
        try await produce(records / (kills + 1))
        let apus = try await serve()
        let share = Double(records / (kills + 1))
        try await Patience.wait(for: "the first records of life \(life)", upTo: .seconds(60)) {
            try await emitted(apus).contains { $0 > 0 }
        }
        try await disturb()
        let until = share * Double.random(in: 0.1...0.9, using: &random)
        // Where the rest came faster than one can look, the kill comes after all of it: commits may still be under way.
        try await Patience.wait(for: "the kill of life \(life)", upTo: .seconds(60)) {
            try await emitted(apus).contains { $0 >= until }
        }
        try await apus.killNow()
        for broker in 1...3 { try await cluster.bringUp(broker) }
    }

    /// The last life: the rest is produced, and both groups come to the end of the topic. Returns what the window took out.
    func liveToTheEnd() async throws -> Int {
        try await produce(records - produced)
        let apus = try await serve()
        try await disturb()
        for broker in 1...3 {
            try await cluster.bringUp(broker)
            try await cluster.delay(broker, milliseconds: 0)
        }
        let ends = try await ends()
        expected = ends.flatMap { end in (0..<end.value).map { "partition:\(end.key.partition)/offset:\($0)" } }
        for group in Self.groups {
            let consumer = try KafkaConsumer(KafkaConfiguration(bootstrapServers: cluster.bootstrapServers), group: group)
            try await Patience.wait(for: "group \(group) to come to the end", upTo: .seconds(120), every: .milliseconds(200)) {
                (try? await consumer.committed(Array(ends.keys))) == ends
            }
            await consumer.close()
        }
        let sample = #"apus_events_deduplicated_total{namespace="default",broker="once"}"#
        let deduplicated = Int(try await apus.metric(sample) ?? -1)
        #expect(try await apus.stop() == .exit(0))
        return deduplicated
    }

    private func emitted(_ apus: ApusProcess) async throws -> [Double] {
        var counts: [Double] = []
        for group in Self.groups {
            let labels = #"namespace="default",kind="KafkaSource",source="\#(group)""#
            counts.append(try await apus.metric("apus_source_events_total{\(labels)}") ?? 0)
        }
        return counts
    }

    private func produce(_ count: Int) async throws {
        let producer = try KafkaProducer(
            KafkaConfiguration(bootstrapServers: cluster.bootstrapServers, properties: ["linger.ms": "5"]))
        let messages = (produced..<produced + count).map {
            KafkaMessage(topic: "orders", partition: Int32($0) % Self.partitions, value: Array("\($0)".utf8))
        }
        for result in await producer.send(contentsOf: messages) { _ = try result.get() }
        produced += count
        await producer.close()
    }

    private func ends() async throws -> [KafkaPartition: Int64] {
        let consumer = try KafkaConsumer(KafkaConfiguration(bootstrapServers: cluster.bootstrapServers), group: "ends")
        var ends: [KafkaPartition: Int64] = [:]
        for number in 0..<Self.partitions {
            let partition = KafkaPartition("orders", number)
            ends[partition] = try await consumer.watermarks(of: partition).high
        }
        await consumer.close()
        return ends
    }

    /// A broker down, leaders that move, errors that fetches and commits are answered with, and latency.
    private func disturb() async throws {
        let down = Int.random(in: 1...3, using: &random), slow = down % 3 + 1
        try await cluster.takeDown(down)
        try await cluster.delay(slow, milliseconds: Int.random(in: 5...60, using: &random))
        faults += ["down", "slow"]
        for _ in 0..<4 {
            let partition = Int.random(in: 0..<Int(Self.partitions), using: &random)
            try await cluster.moveLeader(of: "orders", partition, to: slow)
            faults.append("leader")
        }
        // NOT_LEADER_FOR_PARTITION, REQUEST_TIMED_OUT; COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS.
        for (request, code) in [(KafkaCluster.Request.fetch, 6), (.fetch, 7), (.offsetCommit, 15), (.offsetCommit, 14)] {
            try await cluster.fail(request, code: code, count: 2)
            faults.append("error")
        }
        try await cluster.bringUp(down)
    }

    /// How often each record stands on a broker's log, by its event's id.
    func arrivals(at broker: String) async throws -> [String: Int] {
        let open = try await LogFiles.open(dataDirectory: "\(folder.path)/data", broker: broker)
        var counts: [String: Int] = [:]
        var next: Int64 = 0
        while true {
            let page = try await open.log.read(.events, from: next, limit: ReadLimit(records: 512))
            guard let last = page.last else { break }
            for record in page { counts[record.event.attributes.text(of: "id") ?? "", default: 0] += 1 }
            next = last.position.offset + 1
        }
        await open.log.close()
        return counts
    }
}
